/** What a template is rendered with: the request's data, and the template's defaults for what is not given. */
import type { TemplateVersion } from './template.js'

type Variables = Readonly<Record<string, unknown>>

/** The variables of a rendering in a locale. Null is no value, so a default stands for it, inside of objects too. An
 *  empty text, zero and false are values. A locale's own defaults go before those of the languages it falls back to. */
export function variablesOf(
  template: Pick<TemplateVersion, 'defaults' | 'localeDefaults' | 'locale'>,
  locale: string,
  data: Variables,
): Variables {
  const { defaults, localeDefaults = {} } = template
  if (locale === template.locale) return filled(defaults, data)
  const tags = locale.split('-').map((_, index, parts) => parts.slice(0, index + 1).join('-'))
  const own = tags.map((tag) => (Object.hasOwn(localeDefaults, tag) ? localeDefaults[tag] : undefined))
  return filled(
    own.reduce<Variables>((under, over) => (over ? filled(under, over) : under), defaults),
    data,
  )
}

/** The values given, over the standard ones. Spread, not assigned: a key `__proto__` stays a plain key. */
function filled(standard: Variables, given: Variables): Variables {
  if (Object.keys(standard).length === 0) return given
  const entries = Object.entries(given).map(([key, value]) => {
    const under = Object.hasOwn(standard, key) ? standard[key] : undefined
    if (value === null || value === undefined) return [key, under ?? value]
    return [key, isObject(under) && isObject(value) ? filled(under, value) : value]
  })
  return { ...standard, ...Object.fromEntries(entries) }
}

function isObject(value: unknown): value is Variables {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
