/** What an address has to look like. Both the ingress and route hold to it. */
import { parsePhoneNumberFromString } from 'libphonenumber-js'

// RFC 5321, section 4.5.3.1: 64 octets before the @, 254 in all.
const localPart = /^[^\s@"(),:;<>[\\\]\p{Cc}]{1,64}$/u
const domainLabel = /^[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?$/u
const mailboxCharacters = 254

/** A mailbox as it is used on the internet: dot-atoms, no quoting, no comments. */
export function isMailbox(address: string): boolean {
  if (address.length > mailboxCharacters) return false
  const [local, domain, ...rest] = address.split('@')
  if (local === undefined || domain === undefined || rest.length > 0) return false
  const dotted = local.split('.').every((atom) => atom !== '')
  return dotted && localPart.test(local) && domain.split('.').every((label) => domainLabel.test(label))
}

/** Digits with the country code: ITU-T E.164 allows 15, and the shortest in use has 7. */
const e164 = /^\+[1-9]\d{6,14}$/

/** E.164 as it is written, with a country code that exists. Whether the national part is in use is the provider's to
 *  say: numbering plans change before any table of them does. */
export function isE164(address: string): boolean {
  return e164.test(address) && parsePhoneNumberFromString(address)?.number === address
}

/** The characters of a text as people count them in contracts: Unicode code points. */
export function codePoints(text: string): number {
  let count = 0
  for (const _ of text) count += 1
  return count
}
