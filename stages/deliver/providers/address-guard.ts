/** Connects to public addresses only, so that nobody reaches the inside of the network through a webhook (SSRF).
 *  Invariant: the address that is dialled is the one that was checked. A name is resolved once per connection, so a
 *  second answer of its DNS (rebinding) is never asked for; a literal address is checked in the same way. */
import { lookup } from 'node:dns/promises'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import ipaddr from 'ipaddr.js'
import { buildConnector } from 'undici'
import type { AllowList } from './allow-list.js'
import { slots } from './slots.js'

export interface AddressGuardOptions {
  readonly allow: AllowList
  /** Every address of a host name or literal address. */
  readonly resolve?: (host: string) => Promise<readonly string[]>
  /** For one address, TLS included. */
  readonly connectTimeoutMs: number
  /** Sockets open at once, over all hosts. */
  readonly maxSockets: number
}

export interface AddressGuard {
  readonly connect: buildConnector.connector
  readonly openSockets: () => number
}

/** Addresses of one host that are tried before giving up. */
const maxAddresses = 4

/** The host's addresses are not public, and nothing lets them through. Its message names none of them: it is told to
 *  whoever gave the URL. */
export class BlockedAddress extends Error {
  override readonly name = 'BlockedAddress'
  readonly code = 'blocked-address'
  constructor() {
    super('The host has no public address. To let it through, name the host or its network in CARILLON_WEBHOOK_ALLOW.')
  }
}

/** A connector for undici. It fails with `BlockedAddress` before anything is dialled. */
export function addressGuard(options: AddressGuardOptions): AddressGuard {
  const { allow, resolve = resolveHost, connectTimeoutMs, maxSockets } = options
  const sockets = slots(maxSockets)
  const dialChecked = buildConnector({ timeout: connectTimeoutMs })

  const open = async (target: buildConnector.Options): Promise<Socket | TLSSocket> => {
    const port = Number(target.port) || (target.protocol === 'https:' ? 443 : 80)
    const addresses = permitted(await resolve(target.hostname), target.hostname, port, allow)
    const release = await sockets.acquire(AbortSignal.timeout(connectTimeoutMs))
    try {
      const socket = await dialFirst(dialChecked, target, addresses)
      socket.once('close', release)
      if (socket.closed) release()
      return socket
    } catch (error) {
      release()
      throw error
    }
  }

  const connect: buildConnector.connector = (target, callback) => {
    open(target).then(
      (socket) => callback(null, socket),
      (error: unknown) => callback(error instanceof Error ? error : new Error('unreachable', { cause: error }), null),
    )
  }
  return { connect, openSockets: sockets.taken }
}

/** True for an address of the public internet. Forms that carry an IPv4 address inside (mapped, NAT64, 6to4, Teredo)
 *  are not: the one inside may be anything. */
export function isPublicAddress(address: string): boolean {
  const parsed = ipaddr.parse(address)
  if (parsed.range() !== 'unicast') return false
  return parsed instanceof ipaddr.IPv4 || parsed.match(globalUnicast)
}

/** All of IPv6 that is given out so far (RFC 4291, section 2.4; IANA). It leaves out the IPv4-compatible ::/96. */
const globalUnicast: [ipaddr.IPv6, number] = ipaddr.IPv6.parseCIDR('2000::/3')

function permitted(found: readonly string[], host: string, port: number, allow: AllowList): readonly string[] {
  const everyOne = allow.allowsHost(host, port)
  const addresses = found.filter(
    (address) => everyOne || isPublicAddress(address) || allow.allowsAddress(address, port),
  )
  if (addresses.length === 0) throw new BlockedAddress()
  return addresses.slice(0, maxAddresses)
}

async function dialFirst(
  dial: buildConnector.connector,
  target: buildConnector.Options,
  addresses: readonly string[],
): Promise<Socket | TLSSocket> {
  let failure: unknown
  for (const address of addresses) {
    try {
      return await dialOne(dial, target, address)
    } catch (error) {
      failure = error
    }
  }
  throw failure
}

/** The TLS name and the Host header stay the URL's: undici takes them from `host` and `servername`. */
function dialOne(dial: buildConnector.connector, target: buildConnector.Options, hostname: string) {
  return new Promise<Socket | TLSSocket>((resolve, reject) => {
    dial({ ...target, hostname }, (error, socket) => (error === null ? resolve(socket) : reject(error)))
  })
}

/** A literal address resolves to itself. */
async function resolveHost(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address)
}
