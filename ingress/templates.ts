/** Templates as the API takes and shows them, and their versions. Pure.
 *
 *  Invariant: a version never changes; whatever is written is the next one. */
import { z } from '@hono/zod-openapi'
import type { Message } from '../schemas/events.js'
import type { TemplateVersion } from '../schemas/template.js'
import { channelContent, contentOf, jsonObject, messagesOf } from './requests/channel-content.js'
import { identifier } from './requests/identifier.js'
import { canonicalLocale, locale } from './requests/locale.js'

/** The locale of a template that names none. */
const localeDefault = 'en'
/** Locales of one template. */
export const maxLocales = 100

const fields = {
  channels: channelContent.openapi({
    description:
      'Strings are Liquid: `{{ name }}`. A variable that is not given, or is null, and has no default is missing. ' +
      'Dates are in UTC, or in a zone that is named: `{{ at | date: "%H:%M", "Europe/Berlin" }}`.',
  }),
  locale: locale.optional().openapi({ description: `The template's own unless said; ${localeDefault} for a new one.` }),
  defaults: jsonObject.optional().openapi({
    description:
      'Values of variables that a request does not give, or gives as null. Those of the locale to fall back to stand ' +
      'for what other locales have no default of their own for.',
  }),
}
const example = {
  id: 'order-shipped',
  channels: {
    email: { subject: 'Order {{ order }} is on its way', html: '<p>Hello {{ name }}</p>', text: 'Hello {{ name }}' },
    sms: { text: 'Order {{ order }} is on its way.' },
  },
  defaults: { name: 'there' },
}

/** A new template, or a new locale of one. */
export const newTemplate = z.strictObject({ id: identifier, ...fields }).openapi('NewTemplate', { example })
/** The next version of a template. */
export const templateChange = z
  .strictObject({ id: identifier.optional(), ...fields })
  .openapi('TemplateChange', { example })
export type TemplateDraft = Omit<z.infer<typeof templateChange>, 'id'>

/** What a preview is rendered with. */
export const previewRequest = z
  .strictObject({
    channel: z.string().optional().openapi({ description: 'All channels unless said.' }),
    data: jsonObject.optional(),
    locale: locale.optional(),
  })
  .openapi('PreviewRequest', { example: { channel: 'email', data: { name: 'Ada', order: '4711' } } })

const byChannel = z.record(z.string(), jsonObject)

/** A template as it is shown. */
export const templateShape = z
  .object({
    id: z.string(),
    version: z.number().int(),
    locale: z.string().openapi({ description: 'The locale to fall back to.' }),
    channels: byChannel.openapi({ description: 'In the locale to fall back to.' }),
    locales: z.record(z.string(), byChannel).openapi({ description: 'Every locale with its channels.' }),
    defaults: jsonObject.openapi({ description: 'Of the locale to fall back to.' }),
    localeDefaults: byChannel
      .optional()
      .openapi({ description: 'Those that other locales have of their own, by locale.' }),
    createdAt: z.string(),
    updatedAt: z.string(),
  })
  .openapi('Template')

/** The first version, or the next one of a template that lacks this locale; undefined where it has it. */
export function created(id: string, draft: TemplateDraft, existing: TemplateVersion | undefined, now: string) {
  const tag = canonicalLocale(draft.locale ?? existing?.locale ?? localeDefault)
  if (existing) {
    return existing.locales[tag] ? undefined : nextOf(existing, tag, draft, now)
  }
  const locales = { [tag]: messagesOf(draft.channels) }
  return { id, version: 1, locale: tag, locales, defaults: draft.defaults ?? {}, createdAt: now, updatedAt: now }
}

/** The next version: one locale's channels are others, and its defaults where they are given. */
export function revised(existing: TemplateVersion, draft: TemplateDraft, now: string): TemplateVersion {
  return nextOf(existing, canonicalLocale(draft.locale ?? existing.locale), draft, now)
}

/** What the API shows of a template. */
export function templateView(template: TemplateVersion) {
  const { id, version, locale, locales, defaults, localeDefaults, createdAt, updatedAt } = template
  const shown = mapValues(locales, (messages) => mapValues(messages, (message, channel) => contentOf(channel, message)))
  const own = localeDefaults && { localeDefaults }
  return { id, version, locale, channels: shown[locale] ?? {}, locales: shown, defaults, ...own, createdAt, updatedAt }
}

/** The best locale there is: the one wanted, its language, or the one to fall back to. RFC 4647, section 3.4. */
export function localeFor(template: TemplateVersion, wanted: string | undefined): string {
  let tag = wanted === undefined ? '' : canonicalLocale(wanted)
  while (tag !== '') {
    if (template.locales[tag]) return tag
    tag = tag.slice(0, Math.max(0, tag.lastIndexOf('-')))
  }
  return template.locale
}

/** A message's sources, without what it does not have. */
export function sourcesOf({ subject, text, html, data }: Message) {
  return {
    ...(subject !== null && { subject }),
    ...(text !== null && { text }),
    ...(html !== null && { html }),
    ...(data !== null && { data }),
  }
}

function nextOf(
  existing: TemplateVersion,
  tag: string,
  { channels, defaults }: TemplateDraft,
  now: string,
): TemplateVersion {
  const locales = { ...existing.locales, [tag]: messagesOf(channels) }
  const next = { ...existing, version: existing.version + 1, locales, updatedAt: now }
  if (defaults === undefined) return next
  if (tag === existing.locale) return { ...next, defaults }
  return { ...next, localeDefaults: { ...existing.localeDefaults, [tag]: defaults } }
}

function mapValues<T, U>(of: Readonly<Record<string, T>>, to: (value: T, key: string) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(of).map(([key, value]) => [key, to(value, key)]))
}
