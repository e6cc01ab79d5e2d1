/** Parses the YAML file that CARILLON_CONFIG names: what does not fit into a variable. */
import { basename } from 'node:path'
import { z } from 'zod'
import type { Channel } from '../../schemas/topics.js'
import { compatSection } from './compat.js'
import { defaults } from './defaults.js'
import {
  isAllowEntry,
  isNetwork,
  mailFrom,
  origin,
  section,
  text,
  token,
  urlText,
  variableName,
  whole,
} from './fields.js'
import { kafkaSection } from './kafka.js'
import { linesOf } from './problems.js'
import { registrySection } from './registry.js'
import { tracingSection } from './tracing.js'
import { readYaml } from './yaml-file.js'

const rateError = 'must be a number from 0.01 to 100000, in messages a second'
const ratePerSecond = z
  .number({ error: rateError })
  .min(0.01, { error: rateError })
  .max(100_000, { error: rateError })
  .optional()

function providerOf<K extends string, C extends Channel, S extends z.ZodRawShape>(
  kind: K,
  carries: readonly [C, ...C[]],
  usually: readonly C[],
  more: S,
) {
  const error = `must be a list of some of: ${carries.join(', ')}`
  return section({
    kind: z.literal(kind),
    name: text(
      (value) => /^[a-z][a-z0-9-]{0,62}$/.test(value) && value !== 'inbox' && value !== 'outbox',
      'must be a name of lower-case letters, digits and hyphens, other than inbox and outbox',
    ),
    channels: z
      .array(z.enum(carries, { error: `must be one of: ${carries.join(', ')}` }), { error })
      .min(1, { error })
      .max(carries.length, { error })
      .default([...usually]),
    ratePerSecond,
    concurrency: whole(1, 1_000).optional(),
    timeoutMs: whole(100, 120_000).optional(),
    onUnknown: z.enum(['resend', 'park'], { error: 'must be resend or park' }).optional(),
    secretEnv: variableName.optional(),
    ...more,
  })
}

const allow = z
  .array(
    text(isAllowEntry, 'must be a host or a network, with a port or none, like hooks.internal:8080 or 10.0.0.0/8'),
    {
      error: 'must be a list of hosts or networks',
    },
  )
  .max(1_000, { error: 'must hold at most 1000 hosts or networks' })

const provider = z.discriminatedUnion(
  'kind',
  [
    providerOf('smtp', ['email'], ['email'], {
      url: urlText(['smtp', 'smtps'], true),
      from: mailFrom.optional(),
      secret: text((value) => value !== '', 'must be the password').optional(),
    }),
    providerOf('webhook', ['webhook'], ['webhook'], { secret: z.string().optional(), allow: allow.optional() }),
    providerOf('http', ['email', 'sms', 'push', 'slack'], ['sms', 'push'], {
      url: urlText(['http', 'https'], false),
      secret: token.optional(),
    }),
  ],
  {
    error: ({ code }) =>
      code === 'invalid_union' ? 'must be smtp, webhook or http' : 'must be a mapping of keys like name: …',
  },
)

/** A provider as the file gives it. */
export type FileProvider = z.infer<typeof provider>

const limit = section({ ratePerSecond }).default({})

const retry = section({
  baseMs: whole(10, 3_600_000).default(defaults.retryBaseMs),
  maxMs: whole(10, 86_400_000).default(defaults.retryMaxMs),
}).refine(({ baseMs, maxMs }) => maxMs >= baseMs, { path: ['maxMs'], error: 'must be at least retry.baseMs' })

const schema = section({
  providers: z
    .array(provider, { error: 'must be a list of providers' })
    .max(100, { error: 'must hold at most 100 providers' })
    .default([]),
  limits: section({
    email: limit,
    sms: limit,
    push: limit,
    inapp: limit,
    webhook: limit,
    slack: limit,
    smsSegments: whole(1, 10).default(defaults.smsSegments),
  }).prefault({}),
  dedupe: section({ windowMs: whole(1_000, 2_592_000_000).default(defaults.dedupeWindowMs) }).prefault({}),
  deliver: section({ window: whole(1, 100_000).default(defaults.deliverWindow) }).prefault({}),
  retry: retry.prefault({}),
  breaker: section({
    failures: whole(1, 1_000).default(defaults.breakerFailures),
    halfOpenAfterMs: whole(100, 3_600_000).default(defaults.breakerHalfOpenAfterMs),
  }).prefault({}),
  retention: section({
    recordsDays: whole(1, 3_650).default(defaults.recordsDays),
    inboxDays: whole(1, 3_650).default(defaults.inboxDays),
    logHours: whole(1, 8_760).default(defaults.logHours),
    logBytes: whole(16 * 1024 ** 2, 1024 ** 4).default(defaults.logBytes),
  }).prefault({}),
  rendering: section({
    timeLimitMs: whole(10, 10_000).default(defaults.renderTimeLimitMs),
    outputBytes: whole(1_024, 16 * 1024 ** 2).default(defaults.renderOutputBytes),
    workers: whole(1, 16).default(defaults.renderWorkers),
  }).prefault({}),
  lag: section({ everyMs: whole(1_000, 60_000).default(defaults.lagEveryMs) }).prefault({}),
  tracing: tracingSection.prefault({}),
  kafka: kafkaSection.prefault({}),
  registry: registrySection.prefault({}),
  compat: compatSection.prefault({}),
  http: section({
    trustedProxies: z
      .array(text(isNetwork, 'must be an IP address or a network like 10.0.0.0/8'), {
        error: 'must be a list of addresses and networks',
      })
      .max(100, { error: 'must hold at most 100 addresses and networks' })
      .default([]),
    leaveMs: whole(0, 60_000).default(defaults.leaveMs),
  }).prefault({}),
  cors: section({
    origins: z
      .array(origin, { error: 'must be a list of origins' })
      .max(100, { error: 'must hold at most 100 origins' })
      .default([]),
  }).prefault({}),
})

/** The file without its providers, every default filled in. */
export type FileSettings = Omit<z.infer<typeof schema>, 'providers'>

/** What was understood, and one line for each problem. What has a problem is left out. */
export interface ParsedFile {
  readonly settings: FileSettings
  /** With the index that each has in the file. */
  readonly providers: readonly { readonly at: number; readonly provider: FileProvider }[]
  readonly problems: readonly string[]
  /** Names a path of the file in a problem. */
  readonly place: (path: string) => string
}

/** Reads and parses the file; null stands for none. */
export function parseFile(path: string | null): ParsedFile {
  const { document, problems } = path === null ? { document: {}, problems: [] } : readYaml(path)
  const name = basename(path ?? '')
  const place = (inside: string) => (inside === '' ? name : `${inside} in ${name}`)
  if (problems.length > 0) return { ...understood({}), problems, place }
  const parsed = schema.safeParse(document ?? {})
  if (parsed.success) return { ...understood(parsed.data), problems: [], place }
  const { issues } = parsed.error
  return { ...understood(withoutBad(document, issues)), problems: linesOf(issues, place), place }
}

function understood(document: Record<string, unknown>): Pick<ParsedFile, 'settings' | 'providers'> {
  const { providers: given, ...rest } = document
  const slots = Array.isArray(given) ? given : []
  const { providers: _, ...settings } = schema.parse(rest)
  const providers = slots.flatMap((slot, at) => {
    const parsed = provider.safeParse(slot)
    return parsed.success ? [{ at, provider: parsed.data }] : []
  })
  return { settings, providers }
}

/** The document without the sections that have an issue. A bad provider does not take the others with it. */
function withoutBad(document: unknown, issues: readonly z.core.$ZodIssue[]): Record<string, unknown> {
  if (typeof document !== 'object' || document === null) return {}
  const known = Object.keys(schema.shape)
  const bad = new Set(issues.map(({ path }) => path[0]).filter((section) => section !== 'providers'))
  return Object.fromEntries(Object.entries(document).filter(([key]) => known.includes(key) && !bad.has(key)))
}
