/** What an address has to look like. Both the ingress and route hold to it. */
import { parsePhoneNumberFromString } from 'libphonenumber-js'
import { toASCII } from 'tr46'

/** A mailbox in the form in which it is sent. */
export interface Mailbox {
  /** What stands before the @, in NFC (RFC 6532, section 3.1). Beyond ASCII it needs a server with SMTPUTF8. */
  readonly local: string
  /** Lower case, in A-labels (RFC 5890): ASCII in any case. */
  readonly domain: string
}

// RFC 5321, section 4.5.3.1: octets before the @, and in all.
const maxLocalBytes = 64
const maxMailboxBytes = 254
/** A dot-atom (RFC 5322, section 3.2.3), with letters beyond ASCII (RFC 6531, section 3.3). */
const dotAtom = /^[\w!#$%&'*+/=?^`{|}~\-\u0080-\u{10ffff}]+(?:\.[\w!#$%&'*+/=?^`{|}~\-\u0080-\u{10ffff}]+)*$/u
/** What shows nothing or is unassigned: controls, format characters such as marks of direction, soft hyphens and
 *  joiners, separators of lines, private use, lone surrogates, fillers and variation selectors. */
const hidden = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u
/** Labels of letters, digits and hyphens (RFC 1123, section 2.1), of which the last is no number: that were an IP
 *  address. */
const hostName = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*(?!\d+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
/** What UTS 46 is asked where a domain is not plain ASCII. Hyphens are looked at in what comes out. */
const idna = { checkBidi: true, checkJoiners: true, useSTD3ASCIIRules: true, verifyDNSLength: true } as const

/** Whether a text has characters that nobody sees: in an address they are there to deceive, or by mistake. */
export function hasHiddenCharacters(text: string): boolean {
  return hidden.test(text)
}

/** A mailbox as it is used on the internet, or null: dot-atoms, no quoting, no comments, no IP addresses. */
export function parseMailbox(address: string): Mailbox | null {
  if (address.length > maxMailboxBytes || hidden.test(address)) return null
  const at = address.lastIndexOf('@')
  const local = address.slice(0, Math.max(0, at)).normalize('NFC')
  const domain = domainOf(address.slice(at + 1))
  // Some readers decode an encoded word (RFC 2047) before the @, and see another address.
  if (domain === null || !dotAtom.test(local) || /\p{Z}/u.test(local) || local.includes('=?')) return null
  const localBytes = Buffer.byteLength(local)
  if (localBytes > maxLocalBytes || localBytes + 1 + domain.length > maxMailboxBytes) return null
  return { local, domain }
}

/** Whether `parseMailbox` takes it. */
export function isMailbox(address: string): boolean {
  return parseMailbox(address) !== null
}

function domainOf(written: string): string | null {
  const lower = written.toLowerCase()
  const isPlain = hostName.test(lower) && !lower.includes('xn--') && lower.length <= maxMailboxBytes
  const domain = isPlain ? lower : toASCII(written, idna)
  return domain !== null && hostName.test(domain) ? domain : null
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
