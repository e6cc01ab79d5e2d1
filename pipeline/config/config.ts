/** The whole configuration as one frozen object. The only place that reads the environment.
 *
 *  Invariant: what stands in a `Config` was checked; nobody checks it again. */
import { resolve } from 'node:path'
import { type Channel, channels } from '../../schemas/streams.js'
import { type CompatConfig, resolveCompat } from './compat.js'
import { defaults } from './defaults.js'
import {
  type Environment,
  type LogChoice,
  type LogLevel,
  type ParsedEnvironment,
  parseEnvironment,
  type Settings,
  type StoreChoice,
  unknownVariables,
} from './environment.js'
import { isLoopback } from './fields.js'
import { type FileSettings, type ParsedFile, parseFile } from './file.js'
import { type KafkaConfig, resolveKafka } from './kafka.js'
import { ConfigProblems } from './problems.js'
import { type ProviderConfig, resolveProviders } from './providers.js'
import { type RegistryConfig, resolveRegistry } from './registry.js'
import { type RetriesConfig, resolveRetries } from './retry.js'
import { resolveTracing, type TracingConfig } from './tracing.js'

/** What Carillon runs with. Deeply frozen. */
export interface Config {
  readonly host: string
  /** 0: the system picks one. */
  readonly port: number
  /** Where a stage process serves /metrics and /health. */
  readonly opsPort: number
  /** Bearer key that requests need; null: none. */
  readonly apiKey: string | null
  /** Origins allowed by CORS; empty: off. */
  readonly corsOrigins: readonly string[]
  /** Addresses and networks of proxies whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[]
  /** How long an ingress that is to stop says so before it does, in milliseconds. */
  readonly leaveMs: number
  readonly compat: CompatConfig
  /** Absolute. */
  readonly dataFolder: string
  /** A process's place among its equals; null: any. */
  readonly slot: number | null
  readonly log: LogChoice
  readonly store: StoreChoice
  /** Null: the log is not on Kafka. */
  readonly kafka: KafkaConfig | null
  /** Null: the schemas' ids are those of schemas/released. */
  readonly registry: RegistryConfig | null
  /** Null: nothing is traced. */
  readonly tracing: TracingConfig | null
  readonly logLevel: LogLevel
  /** Those in use. Every channel is carried by exactly one of them. */
  readonly providers: readonly ProviderConfig[]
  /** The name of each channel's provider. */
  readonly providerOf: Readonly<Record<Channel, string>>
  readonly limits: {
    /** Messages a second on a channel, over all its providers; null: as fast as it goes. */
    readonly ratePerSecond: Readonly<Record<Channel, number | null>>
    readonly smsSegments: number
  }
  readonly dedupe: FileSettings['dedupe']
  /** `window`: deliveries of a lane and partition that are released and not finished, at most. */
  readonly deliver: FileSettings['deliver']
  readonly retry: RetriesConfig
  readonly breaker: FileSettings['breaker']
  readonly retention: FileSettings['retention']
  readonly rendering: FileSettings['rendering']
  /** `everyMs`: between two rounds of looking how far stages are behind. */
  readonly lag: FileSettings['lag']
}

/** What the command line needs to reach a running Carillon. */
export interface ClientConfig {
  /** Without a slash at the end. */
  readonly url: string
  readonly apiKey: string | null
}

/** Parses the environment and the file it names. Throws `ConfigProblems`, which tells of every problem. */
export function loadConfig(environment: Environment = process.env): Config {
  const variables = parseEnvironment(environment)
  const file = parseFile(variables.settings.CARILLON_CONFIG ?? null)
  const resolved = resolveProviders(variables.settings, file, environment)
  const kafka = resolveKafka(variables.settings.CARILLON_LOG, file.settings.kafka, file.place, environment)
  const registry = registryOf(variables, file, environment)
  const tracing = resolveTracing(file.settings.tracing, file.place, environment)
  const named = new Set([
    ...file.providers.flatMap(({ provider }) => provider.secretEnv ?? []),
    ...(file.settings.kafka.sasl ? [file.settings.kafka.sasl.passwordEnv] : []),
    ...(file.settings.registry.passwordEnv ? [file.settings.registry.passwordEnv] : []),
    ...(file.settings.tracing.headersEnv ? [file.settings.tracing.headersEnv] : []),
  ])
  const problems = [
    ...variables.problems,
    ...rulesBetween(environment, variables.settings),
    ...unknownVariables(environment, named),
    ...file.problems,
    ...resolved.problems,
    ...kafka.problems,
    ...registry.problems,
    ...tracing.problems,
  ]
  if (problems.length > 0) throw new ConfigProblems(problems)
  const outside = { kafka: kafka.kafka, registry: registry.registry, tracing: tracing.tracing }
  return frozen(configOf(variables, file, resolved.providers, outside))
}

/** Parses what the command line needs, and nothing else. Throws `ConfigProblems`. */
export function loadClientConfig(environment: Environment = process.env): ClientConfig {
  const { CARILLON_URL, CARILLON_API_KEY } = environment
  const { settings, problems } = parseEnvironment({ CARILLON_URL, CARILLON_API_KEY })
  if (problems.length > 0) throw new ConfigProblems(problems)
  const url = settings.CARILLON_URL ?? ''
  return { url: url.replace(/\/+$/, ''), apiKey: settings.CARILLON_API_KEY ?? null }
}

/** Parses what the schema registry needs, and nothing else. Throws `ConfigProblems`. */
export function loadRegistryConfig(environment: Environment = process.env): RegistryConfig | null {
  const { CARILLON_REGISTRY, CARILLON_CONFIG } = environment
  const variables = parseEnvironment({ CARILLON_REGISTRY, CARILLON_CONFIG })
  const file = parseFile(variables.settings.CARILLON_CONFIG ?? null)
  const { registry, problems } = registryOf(variables, file, environment)
  const all = [...variables.problems, ...file.problems, ...problems]
  if (all.length > 0) throw new ConfigProblems(all)
  return frozen(registry)
}

/** Parses what is needed to ask Kafka, and nothing else; null where the log is not on Kafka. Throws `ConfigProblems`. */
export function loadKafkaConfig(environment: Environment = process.env): KafkaConfig | null {
  const { CARILLON_LOG, CARILLON_CONFIG } = environment
  const variables = parseEnvironment({ CARILLON_LOG, CARILLON_CONFIG })
  if (variables.problems.length === 0 && variables.settings.CARILLON_LOG?.kind !== 'kafka') return null
  const file = parseFile(variables.settings.CARILLON_CONFIG ?? null)
  const { kafka, problems } = resolveKafka(
    variables.settings.CARILLON_LOG,
    file.settings.kafka,
    file.place,
    environment,
  )
  const all = [...variables.problems, ...file.problems, ...problems]
  if (all.length > 0) throw new ConfigProblems(all)
  return frozen(kafka)
}

function registryOf({ settings }: ParsedEnvironment, file: ParsedFile, environment: Environment) {
  return resolveRegistry(settings.CARILLON_REGISTRY, file.settings.registry, file.place, environment)
}

/** What one variable asks of another. */
function rulesBetween(environment: Environment, settings: Partial<Settings>): string[] {
  const { CARILLON_HOST: host, CARILLON_LOG: log, CARILLON_STORE: store } = settings
  const problems: string[] = []
  if (host !== undefined && !isLoopback(host) && !environment.CARILLON_API_KEY) {
    problems.push('CARILLON_API_KEY: is needed to listen beyond loopback; set a key, or set CARILLON_HOST to 127.0.0.1')
  }
  if (store?.kind === 'mongodb' && log?.kind === 'sqlite') {
    problems.push(
      'CARILLON_STORE: mongodb:// goes with a log on Kafka; without one everything is in one file, records too: set CARILLON_LOG to kafka://host:port, or leave CARILLON_STORE out',
    )
  }
  if (environment.CARILLON_SMTP_URL && !environment.CARILLON_MAIL_FROM) {
    problems.push('CARILLON_MAIL_FROM: is needed with CARILLON_SMTP_URL; set the sender, like carillon@example.org')
  }
  return problems
}

function configOf(
  { settings }: ParsedEnvironment,
  file: ParsedFile,
  providers: readonly ProviderConfig[],
  resolved: Pick<Config, 'kafka' | 'registry' | 'tracing'>,
): Config {
  const { limits, cors, http, compat, dedupe, deliver, retry, breaker, retention, rendering, lag } = file.settings
  return {
    host: settings.CARILLON_HOST ?? defaults.host,
    port: settings.CARILLON_PORT ?? defaults.port,
    opsPort: settings.CARILLON_OPS_PORT ?? defaults.opsPort,
    apiKey: settings.CARILLON_API_KEY ?? null,
    corsOrigins: cors.origins,
    ...{ trustedProxies: http.trustedProxies, leaveMs: http.leaveMs },
    compat: resolveCompat(compat, (settings.CARILLON_LOG ?? { kind: 'sqlite' }).kind === 'sqlite'),
    dataFolder: resolve(settings.CARILLON_DATA ?? defaults.dataFolder),
    slot: settings.CARILLON_SLOT ?? null,
    log: settings.CARILLON_LOG ?? { kind: 'sqlite' },
    store: settings.CARILLON_STORE ?? { kind: 'sqlite' },
    ...resolved,
    logLevel: settings.CARILLON_LOG_LEVEL ?? defaults.logLevel,
    providers,
    providerOf: byChannel((channel) => providers.find((one) => one.channels.includes(channel))?.name ?? 'outbox'),
    limits: {
      ratePerSecond: byChannel((channel) => limits[channel].ratePerSecond ?? null),
      smsSegments: limits.smsSegments,
    },
    retry: resolveRetries(retry),
    ...{ dedupe, deliver, breaker, retention, rendering, lag },
  }
}

function byChannel<T>(value: (channel: Channel) => T): Record<Channel, T> {
  return Object.fromEntries(channels.map((channel) => [channel, value(channel)])) as Record<Channel, T>
}

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const part of Object.values(value)) frozen(part)
  }
  return value
}
