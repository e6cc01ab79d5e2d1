/** Reads a JSON body: bounded, parsed once, and free of what could hurt later. */
import type { Context } from 'hono'
import { invalid, Problem } from './problem.js'

/** How deep JSON may be nested. Everything behind the ingress may recurse over it. */
export const jsonDepthMax = 64
const jsonMediaType = /^application\/(?:[\w.-]+\+)?json *(?:;|$)/i

/** The parsed body. Throws a `Problem`: 413 over `maxBytes`, 415 for another media type, 400 for what is no JSON, is
 *  nested too deep or has a `__proto__` key. */
export async function readJson(c: Context, maxBytes: number): Promise<unknown> {
  const mediaType = c.req.header('content-type')
  if (mediaType !== 'application/json' && !jsonMediaType.test(mediaType ?? '')) {
    throw new Problem('unsupported-media-type', 'Send the header Content-Type: application/json.')
  }
  const text = await readText(c, maxBytes)
  const body = parse(text)
  const fault = faultIn(body, 1)
  if (fault) throw invalid([fault])
  return body
}

async function readText(c: Context, maxBytes: number): Promise<string> {
  const length = c.req.header('content-length')
  if (length === undefined) return readStream(c.req.raw.body, maxBytes)
  // The HTTP parser holds the body to the length it declares.
  if (Number(length) > maxBytes) throw tooLarge(maxBytes)
  return c.req.text()
}

async function readStream(stream: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<string> {
  if (stream === null) return ''
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of stream) {
    bytes += chunk.byteLength
    if (bytes > maxBytes) throw tooLarge(maxBytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function tooLarge(maxBytes: number): Problem {
  return new Problem('body-too-large', `The body may have ${maxBytes} bytes at most.`)
}

function parse(text: string): unknown {
  if (text === '') throw new Problem('malformed-json', 'The body is empty.')
  try {
    return JSON.parse(text)
  } catch (error) {
    // The parser's message quotes the body, which may hold personal data: only the position is told.
    const position = error instanceof Error ? /at position \d+/.exec(error.message)?.[0] : undefined
    throw new Problem('malformed-json', position ? `Not JSON ${position}.` : 'Not JSON, or cut off.')
  }
}

function faultIn(value: unknown, depth: number): { path: string; message: string } | null {
  if (typeof value !== 'object' || value === null) return null
  if (depth > jsonDepthMax) return { path: '', message: `Must not be nested more than ${jsonDepthMax} deep.` }
  if (Array.isArray(value)) return faultInside(value.entries(), depth)
  return faultInside(Object.entries(value), depth)
}

function faultInside(
  entries: Iterable<readonly [string | number, unknown]>,
  depth: number,
): { path: string; message: string } | null {
  for (const [key, inner] of entries) {
    const fault = key === '__proto__' ? { path: '', message: 'Unknown field.' } : faultIn(inner, depth + 1)
    if (fault) return { path: fault.path === '' ? String(key) : `${key}.${fault.path}`, message: fault.message }
  }
  return null
}
