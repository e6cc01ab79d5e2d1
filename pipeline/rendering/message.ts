/** Compiles a message's sources, one by one, with whatever renders them.
 *  Invariant: data is parsed before it is rendered, and only its strings are, so no variable can change its shape. */
import type { Message } from '../../schemas/events.js'
import type { RenderResult } from '../../stages/enrich-template/draft.js'
import { outputTooLarge, RenderFailure } from './failure.js'

export type Variables = Readonly<Record<string, unknown>>

/** What a source gives: in HTML, variables are escaped. */
export type Format = 'html' | 'plain'

/** A compiled source. Throws `RenderFailure`. */
export type Render = (variables: Variables) => string

/** Compiles a source; undefined: another must do it. Throws `RenderFailure`. */
export type Compile = (source: string, format: Format) => Render | undefined

/** A compiled message. Throws `RenderFailure`. */
export type RenderMessage = (variables: Variables) => Message

type Part = (variables: Variables) => string | null

/** Undefined where `compile` leaves one of the sources to another. Throws `RenderFailure`. */
export function compileMessage(source: Message, compile: Compile, outputBytes: number): RenderMessage | undefined {
  const subject = compilePart('subject', source.subject, 'plain', compile)
  const text = compilePart('text', source.text, 'plain', compile)
  const html = compilePart('html', source.html, 'html', compile)
  const data = compileData(source.data, compile)
  if (!subject || !text || !html || !data) return undefined
  return (variables) => {
    const message = {
      subject: subject(variables),
      text: text(variables),
      html: html(variables),
      data: data(variables),
    }
    if (isTooLarge(message, outputBytes)) throw outputTooLarge(outputBytes)
    return message
  }
}

/** What became of a rendering, its failure included. Throws what is no failure of the template. */
export function resultOf(render: () => Message): RenderResult {
  try {
    return { message: render() }
  } catch (error) {
    if (error instanceof RenderFailure) return { message: null, reason: error.code, detail: error.message }
    // Data or template nested so deep that the stack does not hold it.
    if (error instanceof RangeError) return { message: null, reason: 'render-failed', detail: 'It is nested too deep.' }
    throw error
  }
}

export function sameMessage(a: Message, b: Message): boolean {
  return a === b || (a.subject === b.subject && a.text === b.text && a.html === b.html && a.data === b.data)
}

function compilePart(place: string, source: string | null, format: Format, compile: Compile): Part | undefined {
  return source === null ? () => null : compileText(place, source, format, compile)
}

function compileText(place: string, source: string, format: Format, compile: Compile): Render | undefined {
  const render = inPlace(place, () => compile(source, format))
  return render && ((variables) => inPlace(place, () => render(variables)))
}

function inPlace<T>(place: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw error instanceof RenderFailure ? error.in(place) : error
  }
}

type Json = (variables: Variables) => unknown

function compileData(source: string | null, compile: Compile): Part | undefined {
  if (source === null) return () => null
  const render = compileJson(
    'data',
    inPlace('data', () => parseJson(source)),
    compile,
  )
  return render && ((variables) => JSON.stringify(render(variables)))
}

function parseJson(source: string): unknown {
  try {
    return JSON.parse(source)
  } catch (cause) {
    throw new RenderFailure('template-invalid', 'This is not JSON.', { cause })
  }
}

function compileJson(place: string, value: unknown, compile: Compile): Json | undefined {
  if (typeof value === 'string') return compileText(place, value, 'plain', compile)
  if (typeof value !== 'object' || value === null) return () => value
  const parts: (readonly [string, Json])[] = []
  for (const [key, inner] of Object.entries(value)) {
    const part = compileJson(`${place}.${key}`, inner, compile)
    if (!part) return undefined
    parts.push([key, part])
  }
  if (Array.isArray(value)) return (variables) => parts.map(([, part]) => part(variables))
  return (variables) => Object.fromEntries(parts.map(([key, part]) => [key, part(variables)]))
}

function isTooLarge({ subject, text, html, data }: Message, limitBytes: number): boolean {
  const parts = [subject ?? '', text ?? '', html ?? '', data ?? '']
  const characters = parts.reduce((sum, part) => sum + part.length, 0)
  // UTF-8 takes one to three bytes for each UTF-16 unit.
  if (characters > limitBytes) return true
  if (characters * 3 <= limitBytes) return false
  return parts.reduce((sum, part) => sum + Buffer.byteLength(part), 0) > limitBytes
}
