/** Arrays and maps that refuse more items than there are bytes left to read, and strings that are UTF-8. avsc itself
 *  believes the count that a record gives: one wrong byte there, and it makes items out of nothing until the memory is
 *  full, or skips them for years. And it makes replacement characters of bytes that are no UTF-8. */
import avsc from 'avsc'

/** avsc's cursor over the bytes, as far as it is used here. */
interface Tap {
  readonly buf: Uint8Array
  readonly pos: number
  readLong(): number
  readString(): string
  skipString(): void
}

interface Reading {
  _read(tap: Tap): unknown
  _skip(tap: Tap): void
}

class BoundedArrayType extends avsc.types.ArrayType {
  _read(this: { readonly itemsType: unknown }, tap: Tap): unknown[] {
    const items = this.itemsType as Reading
    const values: unknown[] = []
    for (let count = blockOf(tap); count > 0; count = blockOf(tap)) {
      for (let left = count; left > 0; left--) values.push(items._read(tap))
    }
    return values
  }

  /** For a field that only the writer knows. */
  _skip(this: { readonly itemsType: unknown }, tap: Tap): void {
    const items = this.itemsType as Reading
    for (let count = blockOf(tap); count > 0; count = blockOf(tap)) {
      for (let left = count; left > 0; left--) items._skip(tap)
    }
  }
}

class BoundedMapType extends avsc.types.MapType {
  _read(this: { readonly valuesType: unknown }, tap: Tap): Record<string, unknown> {
    const values = this.valuesType as Reading
    const entries: Record<string, unknown> = {}
    for (let count = blockOf(tap); count > 0; count = blockOf(tap)) {
      for (let left = count; left > 0; left--) {
        const key = tap.readString()
        entries[key] = values._read(tap)
      }
    }
    return entries
  }

  _skip(this: { readonly valuesType: unknown }, tap: Tap): void {
    const values = this.valuesType as Reading
    for (let count = blockOf(tap); count > 0; count = blockOf(tap)) {
      for (let left = count; left > 0; left--) {
        tap.skipString()
        values._skip(tap)
      }
    }
  }
}

class StrictStringType extends avsc.types.StringType {
  _read(tap: Tap): string {
    const text = tap.readString()
    // Undefined: the bytes end too early, which avsc tells when it is done.
    if (text?.includes('\ufffd')) refuseLoss(tap, text)
    return text
  }
}

/** A string may hold the replacement character itself: then its bytes, which end at `pos`, say so. */
function refuseLoss({ buf, pos }: Tap, text: string): void {
  const bytes = Buffer.from(text)
  const read = Buffer.from(buf.buffer, buf.byteOffset, pos).subarray(-bytes.length)
  if (!read.equals(bytes)) throw new RangeError('A string is not UTF-8')
}

const strictString = new StrictStringType()

/** For `avsc.Type.forSchema`: these types in the place of its own. */
export const boundedTypes: avsc.ForSchemaOptions['typeHook'] = (schema, options) => {
  if (schema === 'string') return strictString
  const type = typeof schema === 'object' && !Array.isArray(schema) && 'type' in schema ? schema.type : null
  if (type === 'array') return new BoundedArrayType(schema, options)
  return type === 'map' ? new BoundedMapType(schema, options) : undefined
}

/** How many items the next block holds; 0 at the end. Each takes a byte at least: no event has items of nothing.
 *  https://avro.apache.org/docs/1.11.1/specification/#arrays-1 */
function blockOf(tap: Tap): number {
  const count = tap.readLong()
  // A negative count is followed by the block's size in bytes.
  if (count < 0) tap.readLong()
  const items = Math.abs(count)
  if (items > tap.buf.length - tap.pos) throw new RangeError(`${items} items cannot stand in the bytes that are left`)
  return items
}
