/** What the SSRF guard lets through although it is not public: hosts and networks that the operator named. */
import ipaddr from 'ipaddr.js'

export interface AllowList {
  /** The host itself is named, as written in the URL. */
  readonly allowsHost: (host: string, port: number) => boolean
  /** The address is in a named network. */
  readonly allowsAddress: (address: string, port: number) => boolean
}

/** One entry: a host name or a network, at one port or at any. */
export type AllowEntry =
  | { readonly kind: 'host'; readonly host: string; readonly port: number | null }
  | { readonly kind: 'network'; readonly network: Network; readonly port: number | null }

type Network = [ipaddr.IPv4 | ipaddr.IPv6, number]

/** Reads `localhost`, `hooks.internal:8080`, `127.0.0.1`, `10.0.0.0/8`, `[::1]:8080`, `fd00::/8`; null when it is none
 *  of these. */
export function parseAllowEntry(text: string): AllowEntry | null {
  const [target, portText] = splitPort(text.trim())
  const port = portText === null ? null : Number(portText)
  if (port !== null && !(Number.isInteger(port) && port >= 1 && port <= 65_535)) return null
  const network = parseNetwork(target)
  if (network !== null) return { kind: 'network', network, port }
  const host = canonicalHost(target)
  return isHostName(host) ? { kind: 'host', host, port } : null
}

/** The list of these entries. Throws `InvalidAllowEntry` for the first that `parseAllowEntry` cannot read. */
export function allowList(texts: readonly string[]): AllowList {
  const entries = texts.map((text) => {
    const entry = parseAllowEntry(text)
    if (entry === null) throw new InvalidAllowEntry(text)
    return entry
  })
  const named = (port: number) => entries.filter((entry) => entry.port === null || entry.port === port)
  return {
    allowsHost: (host, port) =>
      named(port).some((entry) => entry.kind === 'host' && entry.host === canonicalHost(host)),
    allowsAddress: (address, port) => {
      const checked = ipaddr.process(address)
      return named(port).some((entry) => entry.kind === 'network' && contains(entry.network, checked))
    },
  }
}

/** An entry is neither a host nor a network. */
export class InvalidAllowEntry extends Error {
  override readonly name = 'InvalidAllowEntry'
  readonly code = 'invalid-allow-entry'
  constructor(entry: string) {
    super(`"${entry}" is neither a host (hooks.internal, localhost:8080) nor a network (10.0.0.0/8, 127.0.0.1, ::1).`)
  }
}

function contains(network: Network, address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  return network[0].kind() === address.kind() && address.match(network)
}

/** Two colons or more without brackets are an IPv6 address and no port, as in a URL. */
function splitPort(text: string): readonly [target: string, port: string | null] {
  const [, bracketed, afterBrackets] = /^\[([^\]]*)\](?::(.*))?$/.exec(text) ?? []
  if (bracketed !== undefined) return [bracketed, afterBrackets ?? null]
  const [target = '', port, ...more] = text.split(':')
  return port === undefined || more.length > 0 ? [text, null] : [target, port]
}

/** IPv4 only in four decimal parts: shorter and octal forms mean different things to different readers. */
function parseNetwork(text: string): Network | null {
  if (ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text)) {
    const address = ipaddr.process(text)
    return [address, address.kind() === 'ipv4' ? 32 : 128]
  }
  if (ipaddr.IPv4.isValidCIDRFourPartDecimal(text)) return ipaddr.IPv4.parseCIDR(text)
  return ipaddr.IPv6.isValidCIDR(text) ? ipaddr.IPv6.parseCIDR(text) : null
}

/** A last label that begins with a digit is an address that was written wrong. */
function isHostName(host: string): boolean {
  return (
    host.length <= 253 && /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(host)
  )
}

function canonicalHost(host: string): string {
  return host.toLowerCase().replace(/\.$/, '')
}
