/** The kinds of values that the environment and the file share: what each accepts, and what to say where it does not. */
import ipaddr from 'ipaddr.js'
import { z } from 'zod'
import { parseAllowEntry } from '../../stages/deliver/providers/allow-list.js'
import { parseSender } from '../../stages/deliver/providers/sender.js'
import { unknownNames } from './problems.js'

/** A whole number within bounds. */
export function whole(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`
  return z.int({ error }).min(min, { error }).max(max, { error })
}

/** A whole number written as text, as the environment has it. */
export function wholeText(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`
  return text((value) => /^\d{1,15}$/.test(value) && Number(value) >= min && Number(value) <= max, error)
    .meta({ accepts: `${min} to ${max}` })
    .transform(Number)
}

/** A string that passes a check. At most 2,048 characters. The documentation says what is accepted by the same words. */
export function text(accepts: (value: string) => boolean, error: string) {
  return z
    .string({ error })
    .refine((value) => value.length <= 2048 && accepts(value), { error })
    .meta({ accepts: acceptedBy(error) })
}

/** `must be a URL like http://host; …` accepts `a URL like http://host`. */
function acceptedBy(error: string): string {
  return error.replace(/^must be /, '').replace(/;.*/s, '')
}

/** A URL of one of the schemes. `credentials`: whether it may hold a user and password. */
export function urlText(schemes: readonly string[], credentials: boolean) {
  const form = schemes.map((scheme) => `${scheme}://host`).join(' or ')
  const error = `must be a URL like ${form}${credentials ? '' : ', without a user or password in it'}`
  const accepts = (value: string) => {
    const url = URL.canParse(value) ? new URL(value) : null
    if (url === null || url.hostname === '' || !schemes.some((scheme) => url.protocol === `${scheme}:`)) return false
    return credentials || (url.username === '' && url.password === '')
  }
  return text(accepts, error)
}

/** The sender of a mail: `ann@example.org` or `Ann <ann@example.org>`. */
export const mailFrom = text(
  (value) => parseSender(value) !== null,
  'must be a sender like carillon@example.org or Carillon <carillon@example.org>; double quotes stand around the whole name',
)

/** The signing secret of Standard Webhooks: `whsec_` and 8 to 128 bytes in base64 (the standard advises 24 to 64). */
export const webhookSecret = text((value) => {
  const match = /^whsec_((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/.exec(value)
  const bytes = Buffer.byteLength(match?.[1] ?? '', 'base64')
  return bytes >= 8 && bytes <= 128
}, 'must be whsec_ and 8 to 128 bytes in base64; make one with: echo "whsec_$(openssl rand -base64 24)"')

/** A key or token that goes into a header: visible ASCII. */
export const token = text(
  (value) => /^[\x21-\x7e]{1,256}$/.test(value),
  'must be 1 to 256 visible ASCII characters without spaces',
)

const hostName = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,62}(?<!-))?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,62}(?<!-))?)*\.?$/i

/** A host name or an IP address, without port or brackets. */
export function isHost(value: string): boolean {
  // Digits and dots alone are a mistyped address, not a name.
  return (
    ipaddr.IPv4.isValidFourPartDecimal(value) ||
    ipaddr.IPv6.isValid(value) ||
    (hostName.test(value) && !/^[\d.]+$/.test(value))
  )
}

/** An exception from the SSRF guard. */
export function isAllowEntry(value: string): boolean {
  return parseAllowEntry(value) !== null
}

/** An IP address, or a network in CIDR notation. */
export function isNetwork(value: string): boolean {
  return ipaddr.isValid(value) || ipaddr.isValidCIDR(value)
}

/** Whether only this machine can reach what listens on the host. */
export function isLoopback(host: string): boolean {
  if (host.toLowerCase() === 'localhost') return true
  return ipaddr.isValid(host) && ipaddr.process(host).range() === 'loopback'
}

/** An origin as browsers send it. */
export const origin = text(
  (value) => /^https?:\/\//.test(value) && URL.canParse(value) && new URL(value).origin === value,
  'must be an origin like https://app.example.org (no path, no slash at the end)',
)

/** The name of an environment variable. */
export const variableName = text(
  (value) => /^[A-Za-z_]\w{0,127}$/.test(value),
  'must be the name of an environment variable',
)

/** A mapping with these keys and no others. */
export function section<S extends z.ZodRawShape>(shape: S) {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? unknownNames(issue.keys, Object.keys(shape))
        : `must be a mapping of keys like ${Object.keys(shape)[0]}: …`,
  })
}
