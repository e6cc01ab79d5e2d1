/** Reads a body: bounded, parsed once, free of what could hurt later, and exactly what was sent. */
import { isUtf8 } from 'node:buffer'
import type { Context } from 'hono'
import { lossIn } from '../json-loss.js'
import { invalid, Problem } from '../problem.js'
import { decodeUtf8, fieldsNotUtf8 } from '../utf8.js'
import { faultIn, parseJson } from './json-text.js'

const jsonMediaType = /^application\/(?:[\w.-]+\+)?json *(?:;|$)/i

/** The parsed body. Throws a `Problem`: 413 over `maxBytes`, 415 for another media type, 400 for what is no JSON in
 *  UTF-8, is nested too deep, has a `__proto__` key, or would lose digits or half a character. A byte order mark is
 *  passed over. `declared`: false where JSON is taken whatever the header says. */
export async function readJson(c: Context, maxBytes: number, declared = true): Promise<unknown> {
  const mediaType = c.req.header('content-type')
  if (declared && mediaType !== 'application/json' && !jsonMediaType.test(mediaType ?? '')) {
    throw new Problem('unsupported-media-type', 'Send the header Content-Type: application/json.')
  }
  const text = decodeUtf8(await readBytes(c, maxBytes))
  if (text === undefined)
    throw new Problem('malformed-json', 'The body is not UTF-8.', [{ path: '', message: notUtf8 }])
  const body = parse(text)
  const fault = faultIn(body) ?? lossIn(text, body)
  if (fault) throw invalid([fault])
  return body
}

const notUtf8 = 'Must be UTF-8.'

/** The fields of a form, the first of each name. Throws a `Problem`: 413 over `maxBytes`, 400 for what is no form, or
 *  not in UTF-8. */
export async function readForm(c: Context, maxBytes: number): Promise<Readonly<Record<string, string>>> {
  const body = await readBytes(c, maxBytes)
  const mediaType = c.req.header('content-type') ?? urlEncoded
  const form = await new Response(body, { headers: { 'content-type': mediaType } }).formData().catch(() => null)
  if (form === null) throw invalid([{ path: '', message: 'The body has to be a form.' }])
  const fields = [...form].reverse().flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : []))
  refuseLoss(body, mediaType, fields.flat())
  return Object.fromEntries(fields)
}

const urlEncoded = 'application/x-www-form-urlencoded'

/** Files, which no form here asks for, may be of any bytes. */
function refuseLoss(body: Buffer, mediaType: string, texts: readonly (string | undefined)[]): void {
  const isLost = !isUtf8(body) && texts.some((text) => text?.includes('\ufffd'))
  const encoded = mediaType.toLowerCase().startsWith(urlEncoded) ? fieldsNotUtf8(body.toString('latin1')) : []
  const lost = isLost ? [''] : encoded
  if (lost.length > 0) throw invalid(lost.map((path) => ({ path, message: notUtf8 })))
}

async function readBytes(c: Context, maxBytes: number): Promise<Buffer<ArrayBuffer>> {
  // The HTTP parser holds the body to the length it declares.
  if (declaredLength(c, maxBytes) !== null) return Buffer.from(await c.req.arrayBuffer().catch(brokenOff))
  return readStream(c.req.raw.body, maxBytes)
}

/** Null: it comes in chunks. Throws for one that is too large. */
function declaredLength(c: Context, maxBytes: number): number | null {
  const length = c.req.header('content-length')
  if (length === undefined) return null
  if (Number(length) > maxBytes) throw tooLarge(maxBytes)
  return Number(length)
}

async function readStream(stream: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<Buffer<ArrayBuffer>> {
  if (stream === null) return Buffer.alloc(0)
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of stream) {
    bytes += chunk.byteLength
    if (bytes > maxBytes) throw tooLarge(maxBytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function brokenOff(cause: unknown): never {
  throw new Problem('malformed-json', 'The body broke off.', [], { cause })
}

function tooLarge(maxBytes: number): Problem {
  return new Problem('body-too-large', `The body may have ${maxBytes} bytes at most.`)
}

function parse(text: string): unknown {
  if (text === '') throw new Problem('malformed-json', 'The body is empty.')
  const parsed = parseJson(text)
  if (!parsed.ok) throw new Problem('malformed-json', parsed.message)
  return parsed.value
}
