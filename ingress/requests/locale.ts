/** Locales and time zones, as the platform's own tables know them. */
import { shortText } from './identifier.js'

const maxTagBytes = 64

/** A BCP 47 tag. */
export const locale = shortText(maxTagBytes)
  .refine(isLocale, 'Must be a BCP 47 tag, such as de or pt-BR.')
  .openapi({ example: 'de-AT' })

/** An IANA time zone. */
export const timeZone = shortText(maxTagBytes)
  .refine(isTimeZone, 'Must be an IANA time zone, such as Europe/Vienna.')
  .openapi({ example: 'Europe/Vienna' })

/** The tag in its one form: `PT-br` is pt-BR. */
export function canonicalLocale(tag: string): string {
  return Intl.getCanonicalLocales(tag)[0] ?? tag
}

function isLocale(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length === 1
  } catch {
    return false
  }
}

function isTimeZone(name: string): boolean {
  // The platform takes offsets too, which know no daylight-saving time.
  if (!/^[A-Za-z]/.test(name)) return false
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
