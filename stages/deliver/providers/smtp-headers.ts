/** Texts as header values of an e-mail, so that a reader shows exactly what was given.
 *  Invariant: nothing that is not encoded here looks like an encoded word (RFC 2047), and no value ends its header. */
import { encodeWord } from 'nodemailer/lib/mime-funcs'
import { headerValue } from './header-value.js'

/** What an encoded word begins with. Some readers decode more than the standard's form of it. */
const encodedWordStart = '=?'
/** Printable ASCII in words that can be folded, with single spaces between: a fold keeps only those. */
const asItStands = /^[\x21-\x7e]{0,60}(?: [\x21-\x7e]{1,60})*$/
/** Characters of an encoded word before its frame; RFC 2047 allows 75 with it. */
const encodedCharacters = 52

/** The subject on one line, encoded as a whole where any of it has to be: mixed, a reader would join or lose spaces. */
export function subjectHeader(subject: string): string {
  const line = subject.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim()
  if (asItStands.test(line) && !line.includes(encodedWordStart)) return line
  return encodeWord(line, isMostlyAscii(line) ? 'Q' : 'B', encodedCharacters)
}

/** The delivery's id. */
export function deliveryHeader(id: string): string {
  return id.includes(encodedWordStart) ? Buffer.from(id).toString('base64url') : headerValue(id)
}

export function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text)
}

/** Q takes three characters for each byte beyond ASCII, B four for any three bytes. */
function isMostlyAscii(text: string): boolean {
  return Buffer.byteLength(text) <= text.length * 1.4
}
