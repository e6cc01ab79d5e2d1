/** Engines in this process, on files of their own, with providers that the test speaks for. */

import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { v7 as uuid } from 'uuid'
import type { Claim } from '../../../ingress/ports.js'
import { type Config, loadConfig } from '../../../pipeline/config/config.js'
import { createCodec } from '../../../pipeline/engine/codec.js'
import type { NewRecord } from '../../../pipeline/engine/log.js'
import { Database } from '../../../pipeline/logs/sqlite/database.js'
import { sqliteLog } from '../../../pipeline/logs/sqlite/log.js'
import type { Tracing } from '../../../pipeline/observe/tracing/tracing.js'
import { deadLetterPorts } from '../../../pipeline/run/dead-letters.js'
import { type Engine, openEngine } from '../../../pipeline/run/embedded/engine.js'
import type { StoredDeadLetter } from '../../../pipeline/stores/dead-letter-store.js'
import { deadLetterReader } from '../../../pipeline/stores/sqlite/dead-letters.js'
import { recordReader } from '../../../pipeline/stores/sqlite/records.js'
import type { NotificationRequested } from '../../../schemas/events.js'
import { finalStatuses, type NotificationRecord, simulatingProvider } from '../../../schemas/record.js'
import { channels } from '../../../schemas/streams.js'
import type {
  ProviderBinding,
  ProviderPolicy,
  SendRequest,
  SendResult,
} from '../../../stages/deliver/providers/provider.js'
import { until } from '../../until.js'
import { retriesOf } from '../retries-sample.js'

export interface SeenCall {
  readonly key: string
  readonly attempt: number
  readonly text: string | null
}

export interface EngineOptions {
  /** What the providers say; sent unless given. */
  readonly answer?: (request: SendRequest) => SendResult | Promise<SendResult>
  readonly policy?: Partial<ProviderPolicy>
  readonly config?: (config: Config) => Config
  /** True: the providers of the configuration, instead of those that the test speaks for. */
  readonly configured?: boolean
  readonly tracing?: Tracing | null
}

export interface RunningEngine {
  readonly engine: Engine
  readonly file: string
  /** Every call that a provider got. */
  readonly calls: readonly SeenCall[]
  /** Every crash of a stage. */
  readonly crashes: readonly unknown[]
  accept(notifications: readonly NotificationRequested[], claim?: Claim | null): ReturnType<Engine['accept']>
  record(id: string): Promise<NotificationRecord | undefined>
  /** The record, once it has ended. */
  ended(id: string): Promise<NotificationRecord>
  deadLetters(): Promise<readonly StoredDeadLetter[]>
  /** Asks for a replay as the API does, and waits for the verdict. */
  replay(id: string): Promise<'replayed' | 'parked' | 'decided-before' | 'not-replayable' | 'unknown'>
  /** Waits until it holds. */
  until(holds: () => boolean | Promise<boolean>): Promise<void>
  /** The file as a kill at this moment would leave it, in a folder of its own. */
  crashImage(): string
  close(): Promise<void>
}

/** The provider of e-mail, SMS, push and Slack that the test speaks for. */
export const stub = 'stub'
const usualPolicy: ProviderPolicy = { ratePerSecond: null, concurrency: 16, timeoutMs: 10_000, onUnknown: 'resend' }
const folders: string[] = []
const running = new Set<RunningEngine>()

/** A new path in a folder that is removed by `closeAll`. */
export function newFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-engine-'))
  folders.push(folder)
  return join(folder, 'carillon.db')
}

/** Closes what was opened since, and removes the files. */
export async function closeAll(): Promise<void> {
  for (const each of running) await each.close()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
}

/** Retries are quick, so that a test need not wait. */
export function quickConfig(): Config {
  const config = loadConfig({ CARILLON_DATA: tmpdir(), CARILLON_LOG_LEVEL: 'error' })
  return { ...config, retry: retriesOf([10, 20, 50], 60_000), rendering: { ...config.rendering, timeLimitMs: 200 } }
}

export async function run(file = newFile(), options: EngineOptions = {}): Promise<RunningEngine> {
  const { answer = () => ({ outcome: 'sent' }), policy = {}, config = (usual) => usual, configured } = options
  const { tracing = null } = options
  const calls: SeenCall[] = []
  const crashes: unknown[] = []
  const binding = (name: string): ProviderBinding => ({
    provider: {
      name,
      destination: () => null,
      async send(request) {
        const { key, attempt, delivery } = request
        calls.push({ key, attempt, text: delivery.message.text })
        return answer(request)
      },
      close: async () => undefined,
    },
    policy: { ...usualPolicy, ...policy },
  })
  const bindings = new Map([stub, 'inbox', 'webhook'].map((name) => [name, binding(name)]))
  const hooks = {
    changed: () => undefined,
    crashed: (_: unknown, error: unknown) => crashes.push(error),
    kept: () => undefined,
    tracing,
    ...(!configured && { bindings }),
  }
  const given = config(quickConfig())
  const engine = await openEngine(configured ? given : withStub(given), file, hooks)
  const reader = new Database(file, { readOnly: true })
  const records = recordReader(reader)
  const letters = deadLetterReader(reader)
  const ports = deadLetterPorts(letters, createCodec(), engine.requestReplays)
  let open = true

  const opened: RunningEngine = {
    engine,
    file,
    calls,
    crashes,
    accept: (notifications, claim = null) => engine.accept({ notifications, claim }),
    record: (id) => records.get('default', id),
    async ended(id) {
      await until(async () => finalStatuses.has((await records.get('default', id))?.status ?? 'accepted'))
      return (await records.get('default', id)) ?? missing(id)
    },
    async deadLetters() {
      const { data } = await letters.list({ limit: 100 })
      const found = await Promise.all(data.map(({ id }) => letters.get(id)))
      return found.flatMap((letter) => letter ?? [])
    },
    async replay(id) {
      const asked = await ports.get(id)
      if (!asked) return 'unknown'
      if (asked.status !== 'dead') return 'decided-before'
      const { notificationId = null, replayable } = asked
      const command = { letterId: id, notificationId, tenant: 'default', correlationId: '', requestedAtMs: Date.now() }
      await ports.requestReplays([command])
      if (replayable === false) return 'not-replayable'
      let status: string | undefined = 'dead'
      await until(async () => {
        status = (await ports.get(id))?.status
        return status !== 'dead'
      })
      return status === 'parked' ? 'parked' : 'replayed'
    },
    until,
    crashImage: () => copyDatabase(file, newFile()),
    async close() {
      if (!open) return
      open = false
      running.delete(opened)
      await engine.close()
      reader.close()
    },
  }
  running.add(opened)
  return opened
}

/** What the outbox would simulate goes to the test's own provider, which needs no address either. */
function withStub(config: Config): Config {
  const named = (name: string) => (name === simulatingProvider ? stub : name)
  const providers = config.providers.map((provider) => ({ ...provider, name: named(provider.name) }))
  const providerOf = Object.fromEntries(channels.map((channel) => [channel, named(config.providerOf[channel])]))
  return { ...config, providers, providerOf: providerOf as Config['providerOf'] }
}

/** A notification by e-mail to a recipient of its own, with what the test changes. */
export function notificationOf(changes: Partial<NotificationRequested> = {}): NotificationRequested {
  const id = changes.id ?? uuid()
  const recipient = changes.recipient ?? `user-of-${id}`
  const message = { subject: 'Hello', text: `Text of ${id}`, html: null, data: null }
  return {
    id,
    tenant: 'default',
    nonce: '',
    recipient,
    to: { id: recipient, email: null, phone: null, device: null, webhook: null, slack: null },
    channels: ['email'],
    template: null,
    content: { '*': message },
    data: '{}',
    priority: 'normal',
    sendAtMs: null,
    expiresAtMs: null,
    retry: null,
    dedupe: null,
    metadata: '{}',
    batchId: null,
    correlationId: 'correlation',
    traceparent: null,
    origin: 'native',
    acceptedAtMs: Date.now(),
    replays: 0,
    ...changes,
  }
}

/** What was committed, and no more. Between two commits of the thread that calls, file and log belong together. */
function copyDatabase(from: string, to: string): string {
  mkdirSync(join(to, '..'), { recursive: true })
  for (const ending of ['', '-wal']) if (existsSync(from + ending)) copyFileSync(from + ending, to + ending)
  return to
}

function missing(id: string): never {
  throw new Error(`There is no record of ${id}`)
}

/** Writes records into a file that no engine has open. */
export async function writeRecords(file: string, records: readonly NewRecord[]): Promise<void> {
  const database = new Database(file)
  const log = sqliteLog(database, { partitions: 1, nowMs: Date.now })
  await log.append(records)
  await log.close()
  database.close()
}
