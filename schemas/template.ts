/** Templates and recipients as the store keeps them: reference data that ingress writes and enrich-template reads. */
import type { Message } from './events.js'

/** One version of a template: everything in it may be another in the next. */
export interface TemplateVersion {
  readonly id: string
  readonly version: number
  /** The locale to fall back to, a BCP 47 tag. */
  readonly locale: string
  /** By locale, by channel: strings are Liquid sources. */
  readonly locales: Readonly<Record<string, Readonly<Record<string, Message>>>>
  /** Values of variables that the request does not give, in every locale that has none of its own. */
  readonly defaults: Readonly<Record<string, unknown>>
  /** By locale: values that go before those of `defaults` there. Not for the locale to fall back to. */
  readonly localeDefaults?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly createdAt: string
  readonly updatedAt: string
  /** As a compatibility contract was told it, for the contract's own view. */
  readonly told?: { readonly name: string; readonly channel: string; readonly body: string }
}

/** A recipient that upstream told about. */
export interface KnownRecipient {
  readonly id: string
  /** As other people are shown it. */
  readonly name?: string
  readonly email?: string
  readonly phone?: string
  readonly devices?: readonly string[]
  readonly webhook?: string
  readonly slack?: string
  /** BCP 47 tag. */
  readonly locale?: string
  /** IANA name. */
  readonly timeZone?: string
  readonly preferences?: { readonly channels?: Readonly<Record<string, boolean>>; readonly muted?: boolean }
  readonly createdAt: string
  readonly updatedAt: string
}
