/** Numbers in a JSON text, and where they stand. `JSON.parse` tells neither how a number was written nor its place, and
 *  parsers that do took a second for a large batch. For texts that `JSON.parse` has read: they are known to be JSON. */
import { Big } from 'big.js'

/** The path of the first number that a double would change; null: there is none. */
export function changedNumberIn(text: string): string | null {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === quote) at = endOfString(text, at)
    else if (isDigit(code)) {
      const start = at
      while (isNumeric(text.charCodeAt(at + 1))) at++
      if (!isKept(text.slice(start, at + 1))) return pathAt(text, start)
    }
  }
  return null
}

/** Shorter numbers without an exponent have no more digits than a double keeps. */
const suspectCharacters = 16

/** Whether a double says the same value. That of 0.1 does: it is the shortest decimal that stands for it. */
function isKept(number: string): boolean {
  if (number.length < suspectCharacters && !number.includes('e') && !number.includes('E')) return true
  const double = Number(number)
  if (String(double) === number) return true
  return Number.isFinite(double) && new Big(number).eq(double)
}

interface Container {
  /** The key or index of what comes next in it. */
  place: string | number
}

/** Where the value that begins at `end` stands: keys and indexes with dots between them. */
function pathAt(text: string, end: number): string {
  const containers: Container[] = []
  let string = ''
  for (let at = 0; at < end; at++) {
    const container = containers.at(-1)
    switch (text[at]) {
      case '"': {
        const start = at
        at = endOfString(text, at)
        string = text.slice(start, at + 1)
        break
      }
      case ':':
        if (container) container.place = string
        break
      case ',':
        if (typeof container?.place === 'number') container.place++
        break
      case '{':
        containers.push({ place: '""' })
        break
      case '[':
        containers.push({ place: 0 })
        break
      case '}':
      case ']':
        containers.pop()
        break
    }
  }
  return containers.map(({ place }) => (typeof place === 'number' ? place : JSON.parse(place))).join('.')
}

const quote = 0x22
const backslash = 0x5c

/** Where the string that begins at `start` has its closing quote. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
  if (end === -1) throw new Error('This is not JSON: a string has no end.')
  return end
}

function isEscaped(text: string, at: number): boolean {
  let before = at - 1
  while (text.charCodeAt(before) === backslash) before--
  return (at - before) % 2 === 0
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

/** A digit, or one of `.eE+-`. */
function isNumeric(code: number): boolean {
  return isDigit(code) || code === 0x2e || code === 0x65 || code === 0x45 || code === 0x2b || code === 0x2d
}
