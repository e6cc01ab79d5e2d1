/** From what zod finds wrong to {path, message}: every unknown field by its own path, and of a union only what is
 *  wrong with the form that was meant. */
import type { z } from '@hono/zod-openapi'
import type { FieldError } from '../problem.js'

type Issue = z.core.$ZodIssue
type Path = readonly PropertyKey[]

export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly errors: readonly FieldError[] }

/** Parses `value`. */
export function check<S extends z.ZodType>(schema: S, value: unknown): Checked<z.output<S>> {
  const result = schema.safeParse(value, parameters)
  return result.success ? { ok: true, value: result.data } : { ok: false, errors: fieldErrors(result.error.issues, []) }
}

const parameters = { error: describe }

function describe(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'Required.' : `Must be ${article(String(issue.expected))}.`
    case 'invalid_value':
      return `Must be ${alternatives(issue.values.map(String))}.`
    case 'too_small':
      return tooSmall(String(issue.origin), Number(issue.minimum))
    case 'too_big':
      return `Must be at most ${issue.maximum}${unit(String(issue.origin))}.`
    case 'invalid_format':
      return issue.format === 'datetime' ? 'Must be a time with an offset, such as 2030-01-31T09:00:00Z.' : undefined
    default:
      return undefined
  }
}

function fieldErrors(issues: readonly Issue[], prefix: Path): FieldError[] {
  return issues.flatMap((issue) => {
    const path = [...prefix, ...issue.path]
    switch (issue.code) {
      case 'unrecognized_keys':
        return issue.keys.map((key) => ({ path: dotted([...path, key]), message: 'Unknown field.' }))
      case 'invalid_union':
        return unionErrors(issue.errors, path)
      default:
        return [{ path: dotted(path), message: issue.message }]
    }
  })
}

/** The errors of the form that was meant: one of the value's own type, and the one that least is wrong with. */
function unionErrors(forms: readonly (readonly Issue[])[], path: Path): FieldError[] {
  const meant = forms.filter((issues) => !issues.some(isForeign)).map((issues) => fieldErrors(issues, path))
  if (meant.length > 0) return meant.reduce((best, form) => (form.length < best.length ? form : best))
  const messages = new Set(forms.flatMap((issues) => issues.filter(isForeign).map(({ message }) => message)))
  return [{ path: dotted(path), message: [...messages].join(' Or: ') }]
}

function isForeign(issue: Issue): boolean {
  return issue.code === 'invalid_type' && issue.path.length === 0
}

function dotted(path: Path): string {
  return path.map(String).join('.')
}

function tooSmall(origin: string, minimum: number): string {
  if (origin === 'string' && minimum === 1) return 'Must not be empty.'
  return `Must be at least ${minimum}${unit(origin)}.`
}

function unit(origin: string): string {
  if (origin === 'array') return ' long'
  return origin === 'string' ? ' characters' : ''
}

function article(expected: string): string {
  if (expected === 'int') return 'a whole number'
  return /^[aeiou]/.test(expected) ? `an ${expected}` : `a ${expected}`
}

function alternatives(values: readonly string[]): string {
  return values.length === 1 ? `${values[0]}` : `one of ${values.join(', ')}`
}
