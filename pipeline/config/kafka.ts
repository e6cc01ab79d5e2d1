/** The file's `kafka` section, and what comes of it for a Carillon whose log is Kafka.
 *
 *  Invariant: what the promises hang on (transactions, acknowledgements, assignment, isolation) cannot be set. */
import { accessSync, constants } from 'node:fs'
import { resolve } from 'node:path'
import { z } from 'zod'
import { defaults } from './defaults.js'
import type { Environment, LogChoice } from './environment.js'
import { section, text, variableName, whole } from './fields.js'

/** How a client reaches the brokers. */
export interface KafkaConnection {
  /** host:port, by comma */
  readonly brokers: string
  /** More of librdkafka's own settings, for every client: security.protocol, sasl.username, ssl.ca.location… */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
}

/** What Carillon on Kafka runs with. */
export interface KafkaConfig {
  /** Addresses, security and further settings, for every client. Holds secrets: never to be logged. */
  readonly connection: KafkaConnection
  /** Stands before every topic, group and id. */
  readonly prefix: string
  /** Of every topic that is keyed, and of the changelogs. */
  readonly partitions: number
  /** Of every topic; null: as many as there are brokers, 3 at most. */
  readonly replicationFactor: number | null
  /** Null: one less than the replicas, and at least 1. */
  readonly minInSyncReplicas: number | null
  /** How long events are kept, consumed or not; compacted topics apart. */
  readonly retentionMs: number
  readonly deadLettersRetentionMs: number
  /** How long compacted topics keep what was deleted. */
  readonly deleteRetentionMs: number
  /** How long a member may be silent; null: by whether the process has a slot. */
  readonly sessionTimeoutMs: number | null
  /** Whether processes create missing topics when they start. */
  readonly createTopics: boolean
}

/** Settings that Carillon makes itself, and why or by what key they are set. */
const owned: ReadonlyMap<string, string> = new Map([
  ...byKey('CARILLON_LOG', ['bootstrap.servers', 'metadata.broker.list']),
  ...byKey('kafka.sessionTimeoutMs', ['session.timeout.ms']),
  ...byKey('kafka.sasl', ['sasl.mechanism', 'sasl.mechanisms', 'sasl.username', 'sasl.password']),
  ...byKey('kafka.tls', ['ssl.ca.location', 'ssl.certificate.location', 'ssl.key.location']),
  ...byKey('kafka.tls and kafka.sasl', ['security.protocol']),
  ...[
    ...['acks', 'request.required.acks', 'enable.idempotence', 'transactional.id', 'transaction.timeout.ms'],
    ...['isolation.level', 'group.id', 'group.instance.id', 'group.protocol', 'group.remote.assignor', 'client.id'],
    ...['partition.assignment.strategy', 'heartbeat.interval.ms', 'max.poll.interval.ms', 'auto.offset.reset'],
    ...['enable.auto.commit', 'auto.commit.enable', 'enable.auto.offset.store', 'auto.commit.interval.ms'],
    ...['partitioner', 'enable.partition.eof', 'message.max.bytes', 'compression.codec', 'compression.type'],
    ...[
      'fetch.message.max.bytes',
      'fetch.max.bytes',
      'max.partition.fetch.bytes',
      'queued.min.messages',
      'queued.max.messages.kbytes',
    ],
    ...['queue.buffering.max.messages', 'queue.buffering.max.kbytes', 'queue.buffering.max.ms', 'linger.ms'],
    ...['delivery.timeout.ms', 'message.timeout.ms', 'retry.backoff.ms', 'fetch.queue.backoff.ms'],
    ...['fetch.wait.max.ms', 'reconnect.backoff.max.ms', 'socket.keepalive.enable', 'log.connection.close'],
    ...['log_level', 'event_cb', 'dr_cb', 'dr_msg_cb', 'rebalance_cb', 'offset_commit_cb', 'allow.auto.create.topics'],
  ].map((name): [string, string] => [name, 'is Carillon’s own to set, for its promises hang on it; remove it']),
])

function byKey(key: string, names: readonly string[]): [string, string][] {
  return names.map((name) => [name, `is not set here; use ${key}`])
}

const settingError = 'must be a string, a number, true or false'
const setting = z
  .union([z.string(), z.number(), z.boolean()], { error: settingError })
  .refine((value) => typeof value !== 'string' || (value.length <= maxSettingLength && !value.includes('\0')), {
    error: settingError,
  })
/** Certificates may be given in a setting. */
const maxSettingLength = 64 * 1024
const maxSettings = 100

const settings = z
  .record(z.string(), setting, { error: 'must be a mapping of librdkafka’s settings, like socket.timeout.ms: 30000' })
  .superRefine((given, context) => {
    const names = Object.keys(given)
    if (names.length > maxSettings) context.addIssue({ code: 'custom', message: `must hold at most ${maxSettings}` })
    for (const name of names) {
      const why = owned.get(name) ?? (/^[a-z][a-z0-9._]{0,99}$/.test(name) ? undefined : 'is no name of a setting')
      if (why !== undefined) context.addIssue({ code: 'custom', message: why, path: [name] })
    }
  })

const file = text((value) => value !== '' && !value.includes('\0'), 'must be the path of a file in PEM form')
const maxNamePart = 64

const sasl = section({
  mechanism: z.enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'], {
    error: 'must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512',
  }),
  username: text((value) => value !== '' && !value.includes('\0'), 'must be the user’s name'),
  passwordEnv: variableName,
})

const tls = section({ caFile: file.optional(), certFile: file.optional(), keyFile: file.optional() }).refine(
  ({ certFile, keyFile }) => (certFile === undefined) === (keyFile === undefined),
  { error: 'has only one of certFile and keyFile; give both, or none' },
)

/** The section `kafka`. */
export const kafkaSection = section({
  partitions: whole(1, 1_000).default(defaults.kafkaPartitions).meta({
    description:
      'Partitions of each topic, and so the most processes of a stage that share its work. It cannot be changed later.',
  }),
  replicationFactor: whole(1, 15)
    .optional()
    .meta({ unset: 'as many as brokers, 3 at most', description: 'Copies of each topic.' }),
  minInSyncReplicas: whole(1, 15).optional().meta({
    unset: 'one less than the copies',
    description: 'Copies that must have a record before it counts as written.',
  }),
  retentionHours: whole(1, 87_600)
    .default(defaults.kafkaRetentionHours)
    .meta({ description: 'How long Kafka keeps events, consumed or not.' }),
  deadLettersRetentionHours: whole(1, 87_600)
    .default(defaults.kafkaDeadLettersRetentionHours)
    .meta({ description: 'How long Kafka keeps dead letters.' }),
  deleteRetentionHours: whole(2, 8_760).default(defaults.kafkaDeleteRetentionHours).meta({
    description:
      'How long compacted topics keep deletions. A process reads its local state anew when that is older than half of it.',
  }),
  prefix: text(
    (value) => new RegExp(`^[\\w.-]{0,${maxNamePart}}$`).test(value),
    `must be at most ${maxNamePart} letters, digits, dots, hyphens and underscores, like staging.`,
  )
    .default('')
    .meta({ description: 'A prefix of every topic and group, for several Carillons on one Kafka.' }),
  sessionTimeoutMs: whole(6_000, 300_000).optional().meta({
    unset: '10000; with a slot 45000',
    description: 'How long a process may be silent before others take its partitions.',
  }),
  createTopics: z
    .boolean({ error: 'must be true or false' })
    .default(false)
    .meta({ description: 'Whether processes create the topics that are missing.' }),
  sasl: sasl.optional().meta({ description: 'How Carillon authenticates itself to Kafka.' }),
  tls: tls
    .optional()
    .meta({ description: 'Certificates and key. `tls: {}` uses TLS with the authorities of the system.' }),
  settings: settings.default({}).meta({
    accepts: `${maxSettings} at most`,
    description:
      'Further settings of librdkafka, like `socket.timeout.ms`. Carillon refuses those that its guarantees depend on.',
  }),
}).refine(
  ({ replicationFactor, minInSyncReplicas }) => (minInSyncReplicas ?? 1) <= (replicationFactor ?? Number.MAX_VALUE),
  { path: ['minInSyncReplicas'], error: 'must be at most kafka.replicationFactor, or nothing could be written' },
)

/** The section, its defaults filled in. */
export type KafkaSection = z.infer<typeof kafkaSection>

/** What Kafka runs with, null where the log is not on Kafka, and one line for each problem. */
export interface ResolvedKafka {
  readonly kafka: KafkaConfig | null
  readonly problems: readonly string[]
}

const hourMs = 3_600_000

/** Finds the password and looks for the files. `place` names a key of the file. */
export function resolveKafka(
  log: LogChoice | undefined,
  section: KafkaSection,
  place: (key: string) => string,
  environment: Environment,
): ResolvedKafka {
  const problems = [...missingPassword(section, place, environment), ...missingFiles(section, place)]
  if (log?.kind !== 'kafka') return { kafka: null, problems }
  return {
    kafka: {
      connection: { brokers: log.brokers.join(','), settings: clientSettings(section, environment) },
      prefix: section.prefix,
      partitions: section.partitions,
      replicationFactor: section.replicationFactor ?? null,
      minInSyncReplicas: section.minInSyncReplicas ?? null,
      retentionMs: section.retentionHours * hourMs,
      deadLettersRetentionMs: section.deadLettersRetentionHours * hourMs,
      deleteRetentionMs: section.deleteRetentionHours * hourMs,
      sessionTimeoutMs: section.sessionTimeoutMs ?? null,
      createTopics: section.createTopics,
    },
    problems,
  }
}

function clientSettings(
  { sasl, tls, settings }: KafkaSection,
  environment: Environment,
): Record<string, string | number | boolean> {
  const security = [...(sasl ? ['sasl'] : []), tls ? 'ssl' : 'plaintext'].join('_')
  return {
    ...settings,
    ...(security === 'plaintext' ? {} : { 'security.protocol': security }),
    ...(sasl && {
      'sasl.mechanisms': sasl.mechanism,
      'sasl.username': sasl.username,
      'sasl.password': environment[sasl.passwordEnv] ?? '',
    }),
    ...(tls?.caFile && { 'ssl.ca.location': resolve(tls.caFile) }),
    ...(tls?.certFile && { 'ssl.certificate.location': resolve(tls.certFile) }),
    ...(tls?.keyFile && { 'ssl.key.location': resolve(tls.keyFile) }),
  }
}

function missingPassword({ sasl }: KafkaSection, place: (key: string) => string, environment: Environment): string[] {
  if (!sasl || environment[sasl.passwordEnv]) return []
  return [`${place('kafka.sasl.passwordEnv')}: the variable ${sasl.passwordEnv} is not set; set it to the password`]
}

function missingFiles({ tls = {} }: KafkaSection, place: (key: string) => string): string[] {
  return Object.entries(tls).flatMap(([key, path]) => {
    try {
      accessSync(path ?? '', constants.R_OK)
      return []
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
      return [`${place(`kafka.tls.${key}`)}: cannot be read (${code}); it must be a file that Carillon may read`]
    }
  })
}
