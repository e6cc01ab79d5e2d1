/** Reads a JSON body: bounded, parsed once, and free of what could hurt later. */
import type { Context } from 'hono'
import { invalid, Problem } from '../problem.js'
import { faultIn, parseJson } from './json-text.js'

const jsonMediaType = /^application\/(?:[\w.-]+\+)?json *(?:;|$)/i

/** The parsed body. Throws a `Problem`: 413 over `maxBytes`, 415 for another media type, 400 for what is no JSON, is
 *  nested too deep or has a `__proto__` key. `declared`: false where JSON is taken whatever the header says. */
export async function readJson(c: Context, maxBytes: number, declared = true): Promise<unknown> {
  const mediaType = c.req.header('content-type')
  if (declared && mediaType !== 'application/json' && !jsonMediaType.test(mediaType ?? '')) {
    throw new Problem('unsupported-media-type', 'Send the header Content-Type: application/json.')
  }
  const text = await readText(c, maxBytes)
  const body = parse(text)
  const fault = faultIn(body)
  if (fault) throw invalid([fault])
  return body
}

/** The fields of a form, the first of each name. Throws a `Problem`: 413 over `maxBytes`, 400 for what is no form. */
export async function readForm(c: Context, maxBytes: number): Promise<Readonly<Record<string, string>>> {
  const body = await readBytes(c, maxBytes)
  const headers = { 'content-type': c.req.header('content-type') ?? 'application/x-www-form-urlencoded' }
  const form = await new Response(body, { headers }).formData().catch(() => null)
  if (form === null) throw invalid([{ path: '', message: 'The body has to be a form.' }])
  const fields = [...form].reverse().flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : []))
  return Object.fromEntries(fields)
}

async function readText(c: Context, maxBytes: number): Promise<string> {
  // The HTTP parser holds the body to the length it declares.
  if (declaredLength(c, maxBytes) !== null) return c.req.text().catch(brokenOff)
  return (await readStream(c.req.raw.body, maxBytes)).toString()
}

async function readBytes(c: Context, maxBytes: number): Promise<ArrayBuffer | Buffer<ArrayBuffer>> {
  if (declaredLength(c, maxBytes) !== null) return c.req.arrayBuffer().catch(brokenOff)
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
