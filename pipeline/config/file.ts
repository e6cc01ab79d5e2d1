/** Parses the YAML file that CARILLON_CONFIG names: what does not fit into a variable. */
import { basename } from 'node:path'
import { z } from 'zod'
import { compatSection } from './compat.js'
import { defaults } from './defaults.js'
import { isNetwork, origin, section, text, whole } from './fields.js'
import { type FileProvider, provider, ratePerSecond } from './file-providers.js'
import { kafkaSection } from './kafka.js'
import { linesOf } from './problems.js'
import { registrySection } from './registry.js'
import { retrySection } from './retry.js'
import { tracingSection } from './tracing.js'
import { readYaml } from './yaml-file.js'

const limit = section({
  ratePerSecond: ratePerSecond.meta({
    unset: 'no limit',
    description: 'Messages a second on the channel. The slower of this limit and the provider’s counts.',
  }),
}).default({})

/** The whole file: docs/configuration.md is made from it. */
export const fileSchema = section({
  providers: z
    .array(provider, { error: 'must be a list of providers' })
    .max(100, { error: 'must hold at most 100 providers' })
    .default([])
    .meta({ description: 'The providers, see below.' }),
  limits: section({
    email: limit,
    sms: limit,
    push: limit,
    inapp: limit,
    webhook: limit,
    slack: limit,
    smsSegments: whole(1, 10)
      .default(defaults.smsSegments)
      .meta({ description: 'The most segments of one SMS. A longer one fails.' }),
  }).prefault({}),
  dedupe: section({
    windowMs: whole(1_000, 2_592_000_000)
      .default(defaults.dedupeWindowMs)
      .meta({ description: 'How long a duplicate is recognised where the request names no window.' }),
  }).prefault({}),
  deliver: section({
    window: whole(1, 100_000)
      .default(defaults.deliverWindow)
      .meta({ description: 'Deliveries that are released and not finished, for each lane and channel.' }),
  }).prefault({}),
  retry: retrySection.prefault({}),
  breaker: section({
    failures: whole(1, 1_000)
      .default(defaults.breakerFailures)
      .meta({ description: 'Failures in a row that open a breaker.' }),
    halfOpenAfterMs: whole(100, 3_600_000)
      .default(defaults.breakerHalfOpenAfterMs)
      .meta({ description: 'How long a breaker is open before it lets a probe through.' }),
    maxHalfOpenAfterMs: whole(100, 86_400_000)
      .default(defaults.breakerMaxHalfOpenAfterMs)
      .meta({ description: 'The longest that it is open: the wait doubles with each probe that fails.' }),
  })
    .refine(({ halfOpenAfterMs, maxHalfOpenAfterMs }) => maxHalfOpenAfterMs >= halfOpenAfterMs, {
      path: ['maxHalfOpenAfterMs'],
      error: 'must be at least breaker.halfOpenAfterMs',
    })
    .prefault({}),
  retention: section({
    recordsDays: whole(1, 3_650)
      .default(defaults.recordsDays)
      .meta({ description: 'How long notifications that have ended are kept.' }),
    inboxDays: whole(1, 3_650)
      .default(defaults.inboxDays)
      .meta({ description: 'How long inbox messages are kept, read or not.' }),
    logHours: whole(1, 8_760)
      .default(defaults.logHours)
      .meta({ description: 'How long events are kept that every stage has consumed, embedded.' }),
    logBytes: whole(16 * 1024 ** 2, 1024 ** 4)
      .default(defaults.logBytes)
      .meta({ description: 'While the file is larger than this, consumed events are deleted whatever their age.' }),
  }).prefault({}),
  rendering: section({
    timeLimitMs: whole(10, 10_000).default(defaults.renderTimeLimitMs).meta({
      description:
        'The time for one message. Then its thread is killed; a template version that killed three is used no more.',
    }),
    outputBytes: whole(1_024, 16 * 1024 ** 2)
      .default(defaults.renderOutputBytes)
      .meta({ description: 'The largest rendered message.' }),
    workers: whole(1, 16).default(defaults.renderWorkers).meta({ description: 'Threads that render templates.' }),
  }).prefault({}),
  lag: section({
    everyMs: whole(1_000, 60_000)
      .default(defaults.lagEveryMs)
      .meta({ description: 'The time between two measurements of lag for the metrics.' }),
  }).prefault({}),
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
      .default([])
      .meta({ description: 'Addresses and networks of proxies whose `X-Forwarded-For` is believed.' }),
    leaveMs: whole(0, 60_000).default(defaults.leaveMs).meta({
      description:
        'How long an ingress that stops reports that it is not ready before it closes its port, so that a load balancer notices. Kafka only.',
    }),
  }).prefault({}),
  cors: section({
    origins: z
      .array(origin, { error: 'must be a list of origins' })
      .max(100, { error: 'must hold at most 100 origins' })
      .default([])
      .meta({ description: 'Origins like `https://app.example.org` whose pages may call the API.' }),
  }).prefault({}),
})

/** The file without its providers, every default filled in. */
export type FileSettings = Omit<z.infer<typeof fileSchema>, 'providers'>

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
  const parsed = fileSchema.safeParse(document ?? {})
  if (parsed.success) return { ...understood(parsed.data), problems: [], place }
  const { issues } = parsed.error
  return { ...understood(withoutBad(document, issues)), problems: linesOf(issues, place), place }
}

function understood(document: Record<string, unknown>): Pick<ParsedFile, 'settings' | 'providers'> {
  const { providers: given, ...rest } = document
  const slots = Array.isArray(given) ? given : []
  const { providers: _, ...settings } = fileSchema.parse(rest)
  const providers = slots.flatMap((slot, at) => {
    const parsed = provider.safeParse(slot)
    return parsed.success ? [{ at, provider: parsed.data }] : []
  })
  return { settings, providers }
}

/** The document without the sections that have an issue. A bad provider does not take the others with it. */
function withoutBad(document: unknown, issues: readonly z.core.$ZodIssue[]): Record<string, unknown> {
  if (typeof document !== 'object' || document === null) return {}
  const known = Object.keys(fileSchema.shape)
  const bad = new Set(issues.map(({ path }) => path[0]).filter((section) => section !== 'providers'))
  return Object.fromEntries(Object.entries(document).filter(([key]) => known.includes(key) && !bad.has(key)))
}
