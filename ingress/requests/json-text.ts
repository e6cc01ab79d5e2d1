/** JSON from outside: parsed once, and free of what could hurt later. */

import { createHash } from 'node:crypto'
import type { FieldError } from '../problem.js'

/** How deep JSON may be nested. Everything behind the ingress may recurse over it. */
export const maxJsonDepth = 64

/** What a text holds, or why it is no JSON: without a word of the text, which may hold personal data. */
export type ParsedJson =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly message: string }

/** Parses a text. */
export function parseJson(text: string): ParsedJson {
  if (text === '') return { ok: false, message: 'Must not be empty.' }
  try {
    return { ok: true, value: JSON.parse(text) }
  } catch (error) {
    const position = error instanceof Error ? /at position \d+/.exec(error.message)?.[0] : undefined
    return { ok: false, message: position ? `Not JSON ${position}.` : 'Not JSON, or cut off.' }
  }
}

/** The first thing in a parsed value that must not get any further: nesting that is too deep, a `__proto__` key. */
export function faultIn(value: unknown, depth = 1): FieldError | null {
  if (typeof value !== 'object' || value === null) return null
  if (depth > maxJsonDepth) return { path: '', message: `Must not be nested more than ${maxJsonDepth} deep.` }
  if (Array.isArray(value)) return faultInside(value.entries(), depth)
  return faultInside(Object.entries(value), depth)
}

function faultInside(entries: Iterable<readonly [string | number, unknown]>, depth: number): FieldError | null {
  for (const [key, inner] of entries) {
    const fault = key === '__proto__' ? { path: '', message: 'Unknown field.' } : faultIn(inner, depth + 1)
    if (fault) return { path: fault.path === '' ? String(key) : `${key}.${fault.path}`, message: fault.message }
  }
  return null
}

/** JSON with the keys of objects in order, at every depth, and without undefined. For values that came from JSON and
 *  are bounded in depth. */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined)
  entries.sort(([left], [right]) => (left < right ? -1 : 1))
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonicalJson(inner)}`).join()}}`
}

/** SHA-256 over the canonical JSON, in hexadecimal. */
export function jsonHash(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex')
}
