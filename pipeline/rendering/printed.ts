/** What Liquid prints of a value. */
import { toValue } from 'liquidjs'
import { notText } from './failure.js'

/** Nothing of null, the elements of a list one after another. Throws `RenderFailure` for an object. */
export function printed(value: unknown): string {
  if (typeof value === 'string') return value
  if (value === null || value === undefined) return ''
  if (Array.isArray(value)) return value.map((item) => printed(toValue(item))).join('')
  if (typeof value === 'object') throw notText()
  return String(value)
}
