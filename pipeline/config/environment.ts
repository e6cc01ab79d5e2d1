/** Parses the CARILLON_… variables: every one that Carillon reads stands in this table. */
import { z } from 'zod'
import { defaults } from './defaults.js'
import { isAllowEntry, isHost, mailFrom, text, token, urlText, webhookSecret, wholeText } from './fields.js'
import { linesOf, unknownNames } from './problems.js'

/** Variables as a process gets them. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Where events are kept between stages. */
export type LogChoice = { readonly kind: 'sqlite' } | { readonly kind: 'kafka'; readonly brokers: readonly string[] }

/** Where records and reference data are kept. */
export type StoreChoice = { readonly kind: 'sqlite' } | { readonly kind: 'mongodb'; readonly url: string }

/** How much the log tells. */
export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

const kafkaLog = /^kafka:\/\/[\w.-]+:\d{1,5}(?:,[\w.-]+:\d{1,5})*$/
const ports = (addresses: string) => [...addresses.matchAll(/:(\d+)/g)].map(([, port]) => Number(port))
const isKafkaLog = (value: string) => kafkaLog.test(value) && ports(value).every((port) => port >= 1 && port <= 65_535)

const log = text(
  (value) => value === 'sqlite:' || isKafkaLog(value),
  'must be sqlite: or kafka://host:port,host:port',
).transform(
  (value): LogChoice =>
    value === 'sqlite:' ? { kind: 'sqlite' } : { kind: 'kafka', brokers: value.slice('kafka://'.length).split(',') },
)

const store = text(
  (value) => value === 'sqlite:' || /^mongodb(?:\+srv)?:\/\/[^\s/]+/.test(value),
  'must be sqlite: or a URL like mongodb://host:port/database',
).transform((value): StoreChoice => (value === 'sqlite:' ? { kind: 'sqlite' } : { kind: 'mongodb', url: value }))

const hosts = text(
  (value) => namesIn(value).every(isAllowEntry),
  'must be hosts or networks by comma, each with a port or none, like hooks.internal:8080,10.0.0.0/8',
).transform(namesIn)

const variables = {
  CARILLON_HOST: text(
    (value) => isHost(bare(value)),
    'must be a host name or an IP address to listen on, like 127.0.0.1',
  )
    .transform(bare)
    .default(defaults.host),
  CARILLON_PORT: wholeText(0, 65_535).default(defaults.port),
  CARILLON_OPS_PORT: wholeText(0, 65_535).default(defaults.opsPort),
  CARILLON_DATA: text((value) => !value.includes('\0'), 'must be a folder').default(defaults.dataFolder),
  CARILLON_SLOT: wholeText(0, 9_999).optional(),
  CARILLON_LOG: log.default({ kind: 'sqlite' }),
  CARILLON_STORE: store.default({ kind: 'sqlite' }),
  CARILLON_REGISTRY: urlText(['http', 'https'], true).optional(),
  CARILLON_API_KEY: token.optional(),
  CARILLON_CONFIG: text((value) => !value.includes('\0'), 'must be the path of a YAML file').optional(),
  CARILLON_SMTP_URL: urlText(['smtp', 'smtps'], true).optional(),
  CARILLON_MAIL_FROM: mailFrom.optional(),
  CARILLON_WEBHOOK_SECRET: webhookSecret.optional(),
  CARILLON_WEBHOOK_ALLOW: hosts.default([]),
  CARILLON_PROVIDER_URL: urlText(['http', 'https'], false).optional(),
  CARILLON_LOG_LEVEL: z.enum(logLevels, { error: `must be one of ${logLevels.join(', ')}` }).default(defaults.logLevel),
  /** The command line's: where a running Carillon is. */
  CARILLON_URL: urlText(['http', 'https'], false).default(`http://127.0.0.1:${defaults.port}`),
}

const schema = z.object(variables)

/** The variables, parsed. Those with a default are always there. */
export type Settings = z.infer<typeof schema>

/** What was understood, and one line for each problem. Of what has a problem nothing is understood. */
export interface ParsedEnvironment {
  readonly settings: Partial<Settings>
  readonly problems: readonly string[]
}

/** Parses the variables. An empty one counts as not set, as compose files and shells leave them. */
export function parseEnvironment(environment: Environment): ParsedEnvironment {
  const given = present(environment)
  const parsed = schema.safeParse(given)
  if (parsed.success) return { settings: parsed.data, problems: [] }
  const bad = new Set(parsed.error.issues.map(({ path }) => path[0]))
  const good = schema.safeParse(Object.fromEntries(Object.entries(given).filter(([name]) => !bad.has(name))))
  return { settings: withoutKeys(good.data ?? {}, bad), problems: linesOf(parsed.error.issues, (path) => path) }
}

/** One line for each CARILLON_ variable that nothing reads. `alsoKnown`: names that the file gives. */
export function unknownVariables(environment: Environment, alsoKnown: ReadonlySet<string>): string[] {
  const known = Object.keys(variables)
  return Object.keys(present(environment))
    .filter((name) => name.startsWith('CARILLON_') && !known.includes(name) && !alsoKnown.has(name))
    .sort()
    .map((name) => `${name}: ${unknownNames([name], known)}`)
}

function present(environment: Environment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      value === undefined || value === '' ? [] : [[name, value]],
    ),
  )
}

function withoutKeys(settings: Partial<Settings>, keys: ReadonlySet<PropertyKey | undefined>): Partial<Settings> {
  return Object.fromEntries(Object.entries(settings).filter(([key]) => !keys.has(key)))
}

function namesIn(value: string): string[] {
  return value
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '')
}

/** Without the brackets that URLs put around an IPv6 address. */
function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1')
}
