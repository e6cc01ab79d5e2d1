/** Decides which provider carries which channel, from the variables and the file. */
import { type Channel, channels } from '../../schemas/streams.js'
import type { ProviderPolicy } from '../../stages/deliver/providers/provider.js'
import { defaults } from './defaults.js'
import type { Environment, Settings } from './environment.js'
import { token, webhookSecret } from './fields.js'
import type { ParsedFile } from './file.js'
import type { FileProvider } from './file-providers.js'
import type { RetryConfig } from './retry.js'

interface Common {
  readonly name: string
  /** What it carries; never empty. */
  readonly channels: readonly Channel[]
  readonly policy: ProviderPolicy
  /** In place of its channels'. */
  readonly retry?: Partial<RetryConfig>
}

/** One provider that is in use. */
export type ProviderConfig =
  | (Common & { readonly kind: 'smtp'; readonly url: string; readonly from: string })
  | (Common & {
      readonly kind: 'webhook'
      /** `whsec_…`; null: messages are not signed. */
      readonly secret: string | null
      /** What the SSRF guard lets through, as stages/deliver/allow-list.ts reads it; lower case. */
      readonly allow: readonly string[]
    })
  | (Common & {
      readonly kind: 'http'
      readonly url: string
      /** Bearer token; null: none. */
      readonly secret: string | null
    })
  | (Common & { readonly kind: 'inbox' | 'outbox' })

/** The providers in use, in the order of their channels, and one line for each problem. */
export interface ResolvedProviders {
  readonly providers: readonly ProviderConfig[]
  readonly problems: readonly string[]
}

/** Without the file: in-app goes to the inbox, webhook to the webhook provider, e-mail by SMTP or else the HTTP
 *  provider, SMS and push by the HTTP provider, and what has none to the outbox. The file's providers go first. */
export function resolveProviders(
  settings: Partial<Settings>,
  file: Pick<ParsedFile, 'providers' | 'place'>,
  environment: Environment,
): ResolvedProviders {
  const problems: string[] = []
  const providers = fromVariables(settings)
  for (const { at, provider } of file.providers) {
    const made = fromFileProvider(provider, (key) => file.place(`providers[${at}]${key}`), settings, environment)
    if (Array.isArray(made)) problems.push(...made)
    else providers.push(made)
  }
  problems.push(...twice(file))
  const chosen = new Map<Channel, ProviderConfig>()
  for (const provider of providers) for (const channel of provider.channels) chosen.set(channel, provider)
  return { providers: inUse(chosen), problems }
}

/** Later ones win, channel by channel. */
function fromVariables(settings: Partial<Settings>): ProviderConfig[] {
  const { CARILLON_SMTP_URL: smtp, CARILLON_MAIL_FROM: from, CARILLON_PROVIDER_URL: url } = settings
  const http = { kind: 'http', name: 'http', policy: policyOf('http', {}), url: url ?? '', secret: null } as const
  return [
    { kind: 'outbox', name: 'outbox', channels, policy: policyOf('outbox', {}) },
    { kind: 'inbox', name: 'inbox', channels: ['inapp'], policy: policyOf('inbox', {}) },
    {
      kind: 'webhook',
      name: 'webhook',
      channels: ['webhook'],
      policy: policyOf('webhook', {}),
      secret: settings.CARILLON_WEBHOOK_SECRET ?? null,
      allow: settings.CARILLON_WEBHOOK_ALLOW ?? [],
    },
    ...(url === undefined ? [] : [{ ...http, channels: ['email', 'sms', 'push'] } as const]),
    ...(smtp === undefined || from === undefined
      ? []
      : [{ kind: 'smtp', name: 'smtp', channels: ['email'], policy: policyOf('smtp', {}), url: smtp, from } as const]),
  ]
}

/** The provider, or its problems. */
function fromFileProvider(
  provider: FileProvider,
  place: (key: string) => string,
  settings: Partial<Settings>,
  environment: Environment,
): ProviderConfig | string[] {
  const secret = secretOf(provider, place, environment)
  if (Array.isArray(secret)) return secret
  const { kind, name } = provider
  const common = { name, channels: provider.channels, policy: policyOf(kind, provider), ...retryOf(provider) }
  switch (provider.kind) {
    case 'smtp': {
      const from = provider.from ?? settings.CARILLON_MAIL_FROM
      // A sender that is given and wrong is told where it stands.
      if (from === undefined && environment.CARILLON_MAIL_FROM) return []
      if (from === undefined) return [`${place('.from')}: is missing; give the sender here or in CARILLON_MAIL_FROM`]
      return { kind: provider.kind, ...common, url: withPassword(provider.url, secret), from }
    }
    case 'webhook': {
      const allow = [
        ...(settings.CARILLON_WEBHOOK_ALLOW ?? []),
        ...(provider.allow ?? []).map((host) => host.toLowerCase()),
      ]
      return { kind: provider.kind, ...common, secret: secret ?? settings.CARILLON_WEBHOOK_SECRET ?? null, allow }
    }
    case 'http':
      return { kind: provider.kind, ...common, url: provider.url, secret }
  }
}

/** The secret, null where none is named, or why it cannot be used. */
function secretOf(
  provider: FileProvider,
  place: (key: string) => string,
  environment: Environment,
): string | null | string[] {
  const { secret, secretEnv, kind } = provider
  if (secret !== undefined && secretEnv !== undefined)
    return [`${place('')}: has secret and secretEnv; give one of them`]
  const value = secretEnv === undefined ? (secret ?? null) : (environment[secretEnv] ?? '')
  if (value === null) return null
  if (value === '' && secretEnv !== undefined) {
    return [`${place('.secretEnv')}: the variable ${secretEnv} is not set; set it to the secret`]
  }
  const form = { smtp: null, webhook: webhookSecret, http: token }[kind]
  const parsed = form?.safeParse(value)
  if (!parsed || parsed.success) return value
  return [`${place(secretEnv === undefined ? '.secret' : '.secretEnv')}: ${parsed.error.issues[0]?.message ?? ''}`]
}

/** One line for each name and channel that the file gives a second time. */
function twice({ providers, place }: Pick<ParsedFile, 'providers' | 'place'>): string[] {
  const names = new Map<string, number>()
  const carried = new Map<Channel, number>()
  const problems: string[] = []
  for (const { at, provider } of providers) {
    const namesake = names.get(provider.name)
    if (namesake !== undefined) {
      problems.push(`${place(`providers[${at}].name`)}: is that of providers[${namesake}] too; give it another`)
    }
    names.set(provider.name, at)
    for (const channel of provider.channels) {
      const other = carried.get(channel)
      if (other !== undefined) {
        problems.push(
          `${place(`providers[${at}].channels`)}: ${channel} is carried by providers[${other}] too; leave it to one`,
        )
      }
      carried.set(channel, at)
    }
  }
  return problems
}

function inUse(chosen: ReadonlyMap<Channel, ProviderConfig>): ProviderConfig[] {
  const providers = new Set(channels.flatMap((channel) => chosen.get(channel) ?? []))
  return [...providers].map((provider) => ({
    ...provider,
    channels: channels.filter((channel) => chosen.get(channel) === provider),
  }))
}

function policyOf(
  kind: ProviderConfig['kind'],
  given: {
    readonly ratePerSecond?: number | undefined
    readonly concurrency?: number | undefined
    readonly timeoutMs?: number | undefined
    readonly onUnknown?: 'resend' | 'park' | undefined
  },
): ProviderPolicy {
  const usual = defaults.policies[kind]
  return {
    ratePerSecond: given.ratePerSecond ?? null,
    concurrency: given.concurrency ?? usual.concurrency,
    timeoutMs: given.timeoutMs ?? usual.timeoutMs,
    onUnknown: given.onUnknown ?? defaults.onUnknown,
  }
}

function retryOf({ retry }: FileProvider): Pick<Common, 'retry'> {
  if (!retry) return {}
  const { schedule: scheduleMs, giveUpAfter: giveUpAfterMs } = retry
  return { retry: { ...(scheduleMs && { scheduleMs }), ...(giveUpAfterMs !== undefined && { giveUpAfterMs }) } }
}

function withPassword(url: string, password: string | null): string {
  if (password === null) return url
  const parsed = new URL(url)
  parsed.password = encodeURIComponent(password)
  return parsed.href
}
