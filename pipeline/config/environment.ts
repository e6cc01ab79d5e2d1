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
    .default(defaults.host)
    .meta({
      unset: defaults.host,
      description: 'The address to listen on. Beyond the loopback Carillon listens only with `CARILLON_API_KEY`.',
    }),
  CARILLON_PORT: wholeText(0, 65_535)
    .default(defaults.port)
    .meta({
      unset: `${defaults.port}`,
      description: 'The port of the HTTP API. With 0 the system picks a free port, and Carillon prints it.',
    }),
  CARILLON_OPS_PORT: wholeText(0, 65_535)
    .default(defaults.opsPort)
    .meta({
      unset: `${defaults.opsPort}`,
      description: 'The port on which a process of a stage answers `/metrics` and `/health`, on Kafka.',
    }),
  CARILLON_DATA: text((value) => !value.includes('\0'), 'must be a folder')
    .default(defaults.dataFolder)
    .meta({ description: 'The folder that holds all data. Carillon creates it where it is missing.' }),
  CARILLON_SLOT: wholeText(0, 9_999)
    .optional()
    .meta({ description: 'The number of a process among those of its stage, on Kafka.' }),
  CARILLON_LOG: log
    .default({ kind: 'sqlite' })
    .meta({ description: 'Where events are kept between stages: in the SQLite file, or on Kafka.', unset: 'sqlite:' }),
  CARILLON_STORE: store.default({ kind: 'sqlite' }).meta({
    description: 'Where records are kept: in SQLite, or in MongoDB, which needs Kafka as the log.',
    unset: 'sqlite:',
  }),
  CARILLON_REGISTRY: urlText(['http', 'https'], true)
    .optional()
    .meta({ description: 'The schema registry, on Kafka. The URL may hold a user and password.' }),
  CARILLON_API_KEY: token.optional().meta({ description: 'The bearer key that requests need.' }),
  CARILLON_CONFIG: text((value) => !value.includes('\0'), 'must be the path of a YAML file')
    .optional()
    .meta({ description: 'The configuration file, of 1 MiB at most.' }),
  CARILLON_SMTP_URL: urlText(['smtp', 'smtps'], true).optional().meta({
    description:
      'The mail server, with user, password and port where it needs them. With `smtp://` Carillon uses TLS where the server offers it; `?requireTLS=true` at the end refuses to send without. With that, with a user and with `smtps://` the certificate must be valid.',
  }),
  CARILLON_MAIL_FROM: mailFrom.optional().meta({ description: 'The sender of e-mails. `CARILLON_SMTP_URL` needs it.' }),
  CARILLON_WEBHOOK_SECRET: webhookSecret
    .optional()
    .meta({ description: 'The secret that signs webhooks. Without it they are not signed.' }),
  CARILLON_WEBHOOK_ALLOW: hosts
    .default([])
    .meta({ description: 'Hosts and networks that webhooks may reach although they are not public.', unset: 'none' }),
  CARILLON_PROVIDER_URL: urlText(['http', 'https'], false).optional().meta({
    description: 'The generic HTTP provider: it carries SMS and push, and e-mail where no SMTP is configured.',
  }),
  CARILLON_LOG_LEVEL: z
    .enum(logLevels, { error: `must be one of ${logLevels.join(', ')}` })
    .default(defaults.logLevel)
    .meta({
      description:
        'The least urgent line that is logged. The log goes to standard error, as JSON lines or, on a terminal, as readable ones.',
    }),
  CARILLON_URL: urlText(['http', 'https'], false)
    .default(`http://127.0.0.1:${defaults.port}`)
    .meta({ description: 'Where the command line finds the running Carillon.' }),
}

/** Every variable with what it accepts, its default and what it means: docs/configuration.md is made from it. */
export const environmentSchema = z.object(variables)

/** The variables, parsed. Those with a default are always there. */
export type Settings = z.infer<typeof environmentSchema>

/** What was understood, and one line for each problem. Of what has a problem nothing is understood. */
export interface ParsedEnvironment {
  readonly settings: Partial<Settings>
  readonly problems: readonly string[]
}

/** Parses the variables. An empty one counts as not set, as compose files and shells leave them. */
export function parseEnvironment(environment: Environment): ParsedEnvironment {
  const given = present(environment)
  const parsed = environmentSchema.safeParse(given)
  if (parsed.success) return { settings: parsed.data, problems: [] }
  const bad = new Set(parsed.error.issues.map(({ path }) => path[0]))
  const good = environmentSchema.safeParse(Object.fromEntries(Object.entries(given).filter(([name]) => !bad.has(name))))
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
