/** How configuration problems are told: all at once, one line each, never with a value that may be a secret. */
import type { z } from 'zod'

/** The configuration cannot be used. The message is one line per problem: where it stands, and what to do. */
export class ConfigProblems extends Error {
  override readonly name = 'ConfigProblems'
  readonly code = 'config-problems'
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'))
  }
}

/** More names than this are not listed in one line. */
const longestList = 16

/** One line for each issue; `place` names a path: a variable, or a key of the file. */
export function linesOf(issues: readonly z.core.$ZodIssue[], place: (path: string) => string): string[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [`${place(pathText(issue.path))}: ${issue.message}`]
    // One issue tells of all unknown keys of an object; `unknownNames` gave each a line.
    const lines = issue.message.split('\n')
    return issue.keys.map((key, index) => `${place(pathText([...issue.path, key]))}: ${lines[index]}`)
  })
}

/** What to say of names that nobody knows: a line for each. */
export function unknownNames(names: readonly string[], known: readonly string[]): string {
  return names.map((name) => unknownName(name, known)).join('\n')
}

function unknownName(name: string, known: readonly string[]): string {
  const near = nearest(name, known)
  if (near) return `is not known; did you mean ${near}?`
  return known.length > longestList ? 'is not known; remove it' : `is not known; it is one of ${known.join(', ')}`
}

/** `providers[0].url` */
function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    return text === '' ? String(part) : `${text}.${String(part)}`
  }, '')
}

/** The known name that a typing mistake was most likely meant to be. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const candidates = known
    .map((candidate) => ({ candidate, edits: editsBetween(plain(name), plain(candidate)) }))
    .filter(({ candidate, edits }) => edits <= Math.max(1, Math.floor(candidate.length / 4)))
  return candidates.sort((a, b) => a.edits - b.edits)[0]?.candidate
}

/** Case and separators are what people mix up most. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, '').slice(0, 64)
}

/** Levenshtein's distance. */
function editsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...b].entries()) {
      const [above = 0, diagonal = 0, left = 0] = [row[j + 1], row[j], next[j]]
      next.push(Math.min(above + 1, left + 1, diagonal + (letter === other ? 0 : 1)))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
