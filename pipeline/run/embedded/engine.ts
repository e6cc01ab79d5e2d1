/** Runs everything that writes: the log, the stores, the stages and the providers. It has a thread of its own
 *  (`engine-thread.ts`), so that nothing here blocks the HTTP thread; tests and the bench run it in their own thread.
 *
 *  Invariant: each data folder has one engine, and only the engine writes to the file. */
import type { Acceptance, Claim, TemplateCheck } from '../../../ingress/ports.js'
import type { StageFlow } from '../../../ingress/stage-flow.js'
import type { CancelRequested, NotificationRequested, ReplayRequested } from '../../../schemas/events.js'
import { cancel, requested } from '../../../schemas/outgoing.js'
import type { Change } from '../../../schemas/record.js'
import type { Lane } from '../../../schemas/streams.js'
import type { KnownRecipient, TemplateVersion } from '../../../schemas/template.js'
import type { OutboxLine } from '../../../stages/deliver/providers/outbox.js'
import type { ProviderBinding } from '../../../stages/deliver/providers/provider.js'
import { acceptedChange, showChange } from '../../../stages/record/changes.js'
import type { RecordWatchers } from '../../../stages/record/record.js'
import { stageNames } from '../../../stages/stage.js'
import type { Config } from '../../config/config.js'
import { type Codec, createCodec } from '../../engine/codec.js'
import type { Log } from '../../engine/log.js'
import { stateOf } from '../../engine/worker.js'
import { Database, openingError } from '../../logs/sqlite/database.js'
import { type SqliteLog, sqliteLog } from '../../logs/sqlite/log.js'
import { sqliteObserver } from '../../observe/metrics/databases.js'
import { createMetrics, type Metrics } from '../../observe/metrics/metrics.js'
import type { Tracing } from '../../observe/tracing/tracing.js'
import { createTemplateCheck } from '../../rendering/check.js'
import { createRenderer, type RendererPool } from '../../rendering/pool.js'
import { storeRetention } from '../../stores/retention.js'
import { recordReader } from '../../stores/sqlite/records.js'
import { openStores } from '../../stores/sqlite/stores.js'
import { replayRecords, runDeadLetters } from '../dead-letters.js'
import { consumedByStage, countParked, type FlowMeter, flowMeter } from '../flow-meter.js'
import { keepFile } from '../housekeeping.js'
import { createBindings } from '../provider-bindings.js'
import { embeddedSizes, type RunningStage, type StagePorts, startStages } from '../stages.js'
import { providerHealth } from '../tailed-events.js'
import { localStates, stalledStages, stopStages } from '../workers.js'

/** One request of the ingress. All its notifications are accepted or none. */
export interface AcceptRequest {
  readonly notifications: readonly NotificationRequested[]
  readonly claim: Claim | null
}

export interface EngineHooks {
  /** Called with the changes of the records while somebody watches, those of one record in order: with as many at a
   *  time as one transaction accepts or merges. */
  readonly changed: (changes: readonly Change[]) => void
  readonly crashed: StagePorts['crashed']
  readonly kept: (line: OutboxLine) => void
  /** Closed with the engine. Without it nothing is traced. */
  readonly tracing?: Tracing | null
  /** Where the engine counts; it creates its own metrics unless these are given. */
  readonly metrics?: Metrics
  /** Replace the configured providers, as the bench does with its stub. */
  readonly bindings?: ReadonlyMap<string, ProviderBinding>
  /** The stages start when it resolves, which must be before `close`; without it they start at once. The bench appends
   *  a backlog first. */
  readonly begin?: Promise<void>
}

/** What the HTTP thread may ask of the engine. Arguments and results can be cloned between threads. */
export interface Engine {
  /** Each request is accepted, answered from its claim or fails on its own; one sync to disk covers all of them. */
  accept(request: AcceptRequest): Promise<Acceptance>
  cancel(command: CancelRequested, lane: Lane): Promise<void>
  putTemplate(tenant: string, template: TemplateVersion, expected: number): Promise<'written' | 'conflict'>
  deleteTemplate(tenant: string, id: string): Promise<boolean>
  putRecipient(tenant: string, recipient: KnownRecipient): Promise<void>
  deleteRecipient(tenant: string, id: string): Promise<boolean>
  markRead(tenant: string, recipient: string, messageId: string, atMs: number): Promise<boolean>
  requestReplays(commands: readonly ReplayRequested[]): Promise<void>
  stages(): Promise<readonly StageFlow[]>
  problems(): Promise<readonly string[]>
  askLog(): Promise<void>
  stalled(): Promise<readonly string[]>
  /** This thread's metrics, which the HTTP thread adds to its metrics page. */
  metrics(): Promise<string>
  templateProblems: TemplateCheck['problems']
  preview: TemplateCheck['preview']
  /** Turns the calls of `EngineHooks.changed` on or off. */
  watch(on: boolean): Promise<void>
  close(): Promise<void>
}

const partitions = 1
const drainMs = 8000

export async function openEngine(config: Config, databaseFile: string, hooks: EngineHooks): Promise<Engine> {
  const metrics = hooks.metrics ?? createMetrics()
  const file = openFile(config, databaseFile, Date.now, metrics)
  const { stores, log } = file
  const codec = createCodec()
  const renderer = rendererOf(config)
  const bindings = hooks.bindings ?? configuredBindings(config, stores, hooks)
  const watch = { on: false }
  const watchers: RecordWatchers = {
    watching: () => watch.on,
    tell: (changes) => hooks.changed(changes.map(showChange)),
  }
  const ports = stagePorts({ file, codec, renderer, bindings, watchers, metrics }, hooks)
  const stages = startStages(stageNames, config, ports, { announce: false, sizes: embeddedSizes })
  const letters = runDeadLetters(ports, stores.letters)
  const meter = meterOf(stages, log, metrics)
  const housekeeping = keepFile(config.retention, log, stores, Date.now)
  const check = createTemplateCheck(renderer)

  return {
    ...storeCalls(stores),
    async accept(request) {
      const { append, acceptance } = await acceptInto(request, file, codec)
      if (watch.on && append) hooks.changed(request.notifications.map(acceptedChange))
      return acceptance
    },
    cancel: (command, lane) => log.append([codec.encode(cancel(command, 'notifications.requested', lane), Date.now())]),
    requestReplays: (commands) => log.append(replayRecords(codec, commands)),
    stages: () => meter.stages(),
    problems: async () => restartingStages(stages),
    askLog: () => log.ask(),
    stalled: async () => stalledStages(stages),
    metrics: () => metrics.text(),
    templateProblems: check.problems,
    preview: check.preview,
    watch: async (on) => {
      watch.on = on
    },
    async close() {
      housekeeping.stop()
      meter.stop()
      await stopStages([...stages, letters], drainMs)
      await Promise.all([...bindings.values()].map(({ provider }) => provider.close()))
      await renderer.close()
      await hooks.tracing?.close()
      await log.close()
      file.database.close()
    },
  }
}

type EngineFile = ReturnType<typeof openFile>

interface EngineParts {
  readonly file: EngineFile
  readonly codec: Codec
  readonly renderer: RendererPool
  readonly bindings: ReadonlyMap<string, ProviderBinding>
  readonly watchers: RecordWatchers
  readonly metrics: Metrics
}

/** What the stages and the dead-letter worker are given. */
function stagePorts({ file, codec, renderer, ...parts }: EngineParts, hooks: EngineHooks): StagePorts {
  const { database, stores, log } = file
  const health = providerHealth(log, codec, Date.now)
  const enrich = { directory: stores.directory, templates: stores.templateSource, renderer }
  return {
    log: hooks.begin ? joinedAfter(hooks.begin, log) : log,
    codec,
    outcomes: () => recordReader(database),
    directory: () => stores.directory,
    enrich: () => enrich,
    records: () => stores,
    watchers: parts.watchers,
    bindings: () => parts.bindings,
    health,
    countState: log.countState,
    metrics: parts.metrics,
    tracing: hooks.tracing ?? null,
    crashed: hooks.crashed,
  }
}

/** Appends a request's notifications and inserts their records in one transaction, unless the request's idempotency key
 *  was claimed before. */
function acceptInto({ notifications, claim }: AcceptRequest, { log, stores }: EngineFile, codec: Codec) {
  const outgoing = notifications.map((notification) => codec.encode(requested(notification), notification.acceptedAtMs))
  return log.appendIf(outgoing, () => {
    const tenant = notifications[0]?.tenant ?? 'default'
    const acceptance: Acceptance = claim ? stores.claim(tenant, claim) : { kind: 'accepted' }
    const append = acceptance.kind === 'accepted'
    if (append) stores.insertAccepted(notifications)
    return { append, acceptance }
  })
}

/** The calls that the stores answer alone. */
function storeCalls({ templates, recipients, inbox }: EngineFile['stores']) {
  return {
    putTemplate: templates.put,
    deleteTemplate: templates.delete,
    putRecipient: recipients.put,
    deleteRecipient: recipients.delete,
    markRead: inbox.markRead,
  }
}

function rendererOf({ rendering }: Config): RendererPool {
  return createRenderer({
    threads: rendering.workers,
    outputBytes: rendering.outputBytes,
    times: { aloneJobMs: rendering.timeLimitMs },
  })
}

function configuredBindings({ providers }: Config, { inbox, outbox }: EngineFile['stores'], { kept }: EngineHooks) {
  return createBindings(providers, { inbox, outbox, announce: kept, nowMs: Date.now })
}

function meterOf(stages: readonly RunningStage[], log: SqliteLog, metrics: Metrics): FlowMeter {
  return flowMeter({
    stages,
    log,
    count: () => consumedByStage(metrics),
    here: (stage) => localStates(stages).get(stage),
    parked: () => {
      const { time, destination } = countParked(log.countState)
      return time + destination
    },
  })
}

/** A line for each worker that restarts after a crash. */
function restartingStages(stages: readonly RunningStage[]): string[] {
  return stages.flatMap(({ name, worker }) =>
    worker.restarts() > 0 && stateOf(worker) !== 'running' ? [`${name} is restarting`] : [],
  )
}

function joinedAfter(begin: Promise<void>, log: Log): Log {
  return { ...log, join: (options) => begin.then(() => log.join(options)) }
}

/** Opens the file's log and stores and creates the tables that are missing. */
function openFile(config: Config, databaseFile: string, nowMs: () => number, metrics: Metrics) {
  try {
    const database = new Database(databaseFile, { observer: sqliteObserver(metrics, 'commits') })
    const stores = openStores(database, storeRetention(config.retention), nowMs)
    return { database, stores, log: sqliteLog(database, { partitions, nowMs }) }
  } catch (error) {
    throw openingError(error, databaseFile)
  }
}
