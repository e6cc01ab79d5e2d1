/** What JSON would lose on its way through JavaScript: digits of numbers, halves of characters. It is refused instead. */
import { changedNumberIn } from './json-numbers.js'
import type { FieldError } from './problem.js'

/** An escape of one half of a character outside of the basic plane. */
const surrogateEscape = /\\u[dD][89a-fA-F]/
const loneSurrogate = /\p{Cs}/u

/** The first number that a double would change, or the first text with half a character; null: nothing gets lost.
 *  `text` has been parsed to `value`, which is not nested deep. */
export function lossIn(text: string, value: unknown): FieldError | null {
  const number = changedNumberIn(text)
  if (number !== null) {
    return { path: number, message: 'Must have no more digits than a double keeps: send it as a string, or round it.' }
  }
  const half = surrogateEscape.test(text) ? loneSurrogateIn(value) : null
  return half === null ? null : { path: half, message: 'Must not have half a surrogate pair.' }
}

/** The path of the first value, or key, with half a character. */
function loneSurrogateIn(value: unknown): string | null {
  if (typeof value === 'string') return loneSurrogate.test(value) ? '' : null
  if (typeof value !== 'object' || value === null) return null
  for (const [key, inner] of Object.entries(value)) {
    const path = loneSurrogate.test(key) ? '' : loneSurrogateIn(inner)
    if (path !== null) return path === '' ? key : `${key}.${path}`
  }
  return null
}
