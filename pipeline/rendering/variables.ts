/** Compiles templates that hold nothing but text and plain variables, `Hello {{ user.name }}`, into an array of both.
 *  They cannot loop and take a microsecond, so they need neither Liquid nor a thread.
 *  Invariant: what it renders, Liquid renders just so. Whatever might differ or take long is left to Liquid. */
import { liquidWords } from '../../schemas/liquid-words.js'
import { missingVariable, outputTooLarge } from './failure.js'
import type { Compile, Format, Render, Variables } from './message.js'

/** A variable holds a list or an object: Liquid prints it, in its thread. */
export class NotPlain extends Error {
  override readonly name = 'NotPlain'
  readonly code = 'not-plain'
}

/** One output: an ASCII path, without blanks that trim, filters or brackets. */
const output = /\{\{[ \t\r\n]*([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)[ \t\r\n]*\}\}/y

/** Properties that Liquid makes up where a value has none. */
const computed = new Set(['size', 'first', 'last'])

/** Texts and variables of a source; one with more goes to Liquid. */
const mostPieces = 1_000

type Piece = string | readonly string[]

/** A compiler of sources with nothing but text and plain variables; it leaves all others. What it compiles may throw
 *  `NotPlain`. */
export function variablesCompiler(outputBytes: number): Compile {
  return (source, format) => {
    const pieces = split(source)
    return pieces && renderer(pieces, format, outputBytes)
  }
}

function renderer(pieces: readonly Piece[], format: Format, outputBytes: number): Render {
  const write = format === 'html' ? escapeHtml : plain
  return (variables) => {
    let text = ''
    for (const piece of pieces) {
      text += typeof piece === 'string' ? piece : write(printed(lookUp(variables, piece)))
      if (text.length > outputBytes) throw outputTooLarge(outputBytes)
    }
    return text
  }
}

function split(source: string): readonly Piece[] | undefined {
  if (source.includes('{%')) return undefined
  const pieces: Piece[] = []
  let end = 0
  for (let start = source.indexOf('{{'); start !== -1; start = source.indexOf('{{', end)) {
    if (start > end) pieces.push(source.slice(end, start))
    output.lastIndex = start
    const path = output.exec(source)?.[1]?.split('.')
    if (!path || !isPlain(path) || pieces.length > mostPieces) return undefined
    pieces.push(path)
    end = output.lastIndex
  }
  if (end < source.length) pieces.push(source.slice(end))
  return pieces
}

function isPlain(path: readonly string[]): boolean {
  return !liquidWords.has(path[0] ?? '') && !path.some((name) => computed.has(name))
}

/** Own properties only. Null is no value. */
function lookUp(variables: Variables, path: readonly string[]): unknown {
  let value: unknown = variables
  for (const [index, name] of path.entries()) {
    value = ownProperty(value, name)
    if (value === undefined || value === null) throw missingVariable(path.slice(0, index + 1).join('.'))
  }
  return value
}

function ownProperty(value: unknown, name: string): unknown {
  if (value === null || value === undefined || !Object.hasOwn(Object(value), name)) return undefined
  return (value as Record<string, unknown>)[name]
}

function printed(value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'object') throw new NotPlain()
  return String(value)
}

function plain(text: string): string {
  return text
}

const htmlEntities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
}

/** Safe between tags and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => htmlEntities[character] ?? character)
}
