/** What may stand in a header of HTTP or of an e-mail. */

/** The text itself where it is printable ASCII, else its bytes in base64url: the same text always gives the same
 *  value, and none can end the header. */
export function headerValue(text: string): string {
  return isPrintable(text) ? text : Buffer.from(text).toString('base64url')
}

/** Printable ASCII, without spaces at the ends, which are lost on the way. */
export function isPrintable(text: string): boolean {
  return /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text)
}
