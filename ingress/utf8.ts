/** Text from outside is UTF-8 or is refused: what is decoded in spite of that is another text. */
import { isUtf8 } from 'node:buffer'

/** Undefined: the bytes are no UTF-8. A byte order mark at the start is left out. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  if (!isUtf8(bytes)) return undefined
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
  return text.startsWith('\ufeff') ? text.slice(1) : text
}

/** A header's text, which HTTP hands on byte by byte; undefined: the bytes are no UTF-8. */
export function headerText(header: string): string | undefined {
  return isAscii(header) ? header : decodeUtf8(Buffer.from(header, 'latin1'))
}

/** Whether percent-encoded bytes are UTF-8. What is no such encoding, as in `100%`, stands for itself. */
export function percentsAreUtf8(encoded: string): boolean {
  if (!encoded.includes('%')) return true
  return [...encoded.matchAll(/(?:%[0-9A-Fa-f]{2})+/g)].every(([run]) =>
    isUtf8(Buffer.from(run.replaceAll('%', ''), 'hex')),
  )
}

/** The names of fields, in a query or a form, that are not UTF-8, or whose values are not. */
export function fieldsNotUtf8(encoded: string): string[] {
  return encoded
    .split('&')
    .filter((field) => !percentsAreUtf8(field))
    .map((field) => field.split('=', 1)[0] ?? '')
}

function isAscii(text: string): boolean {
  return !/[\u0080-\uffff]/.test(text)
}
