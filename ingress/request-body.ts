/** Reads a JSON body: bounded, parsed once, and free of what could hurt later. */
import type { Context } from 'hono'
import { faultIn, parseJson } from './json-text.js'
import { invalid, Problem } from './problem.js'

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
  const fault = faultIn(body)
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
  const parsed = parseJson(text)
  if (!parsed.ok) throw new Problem('malformed-json', parsed.message)
  return parsed.value
}
