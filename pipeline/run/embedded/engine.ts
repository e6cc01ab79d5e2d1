/** Everything that writes, in one place: the log, the stores, the stages, the providers. It runs in a thread of its own
 *  (`engine-thread.ts`), so that nothing here keeps the HTTP thread waiting; tests and the bench run it in their own.
 *
 *  Invariant: one engine for each data folder; it alone writes to the file. */
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
import { createCodec } from '../../engine/codec.js'
import type { Log } from '../../engine/log.js'
import { stateOf } from '../../engine/worker.js'
import { Database, openingError } from '../../logs/sqlite/database.js'
import { sqliteLog } from '../../logs/sqlite/log.js'
import { sqliteObserver } from '../../observe/metrics/databases.js'
import { createMetrics, type Metrics } from '../../observe/metrics/metrics.js'
import type { Tracing } from '../../observe/tracing/tracing.js'
import { createTemplateCheck } from '../../rendering/check.js'
import { createRenderer } from '../../rendering/pool.js'
import { storeRetention } from '../../stores/retention.js'
import { recordReader } from '../../stores/sqlite/records.js'
import { openStores } from '../../stores/sqlite/stores.js'
import { replayRecords, runDeadLetters } from '../dead-letters.js'
import { consumedByStage, countParked, flowMeter } from '../flow-meter.js'
import { keepFile } from '../housekeeping.js'
import { createBindings } from '../provider-bindings.js'
import { embeddedSizes, type StagePorts, startStages } from '../stages.js'
import { providerHealth } from '../tailed-events.js'
import { localStates, stalledStages, stopStages } from '../workers.js'

/** One request of the ingress: all its notifications or none. */
export interface AcceptRequest {
  readonly notifications: readonly NotificationRequested[]
  readonly claim: Claim | null
}

export interface EngineHooks {
  /** Told of what changed in the records, in the order of each, while somebody watches: as many at a time as are
   *  accepted or merged in one go. */
  readonly changed: (changes: readonly Change[]) => void
  readonly crashed: StagePorts['crashed']
  readonly kept: (line: OutboxLine) => void
  /** Closed with the engine; off unless given. */
  readonly tracing?: Tracing | null
  /** What it counts, where that is not of its own. */
  readonly metrics?: Metrics
  /** Puts other carriers in the place of the configured ones: the bench's stub. */
  readonly bindings?: ReadonlyMap<string, ProviderBinding>
  /** The stages begin when it resolves, which must be before `close`; at once where there is none. The bench lays a
   *  backlog first. */
  readonly begin?: Promise<void>
}

/** What the HTTP side may ask of the engine. Arguments and results can be cloned between threads. */
export interface Engine {
  /** Each request is accepted, answered from its claim, or fails on its own; all are synced to disk together. */
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
  /** This thread's metrics, for the page of another one. */
  metrics(): Promise<string>
  templateProblems: TemplateCheck['problems']
  preview: TemplateCheck['preview']
  /** Whether status changes are told. */
  watch(on: boolean): Promise<void>
  close(): Promise<void>
}

const partitions = 1
const drainMs = 8000

export async function openEngine(config: Config, databaseFile: string, hooks: EngineHooks): Promise<Engine> {
  const nowMs = Date.now
  const metrics = hooks.metrics ?? createMetrics()
  const { database, stores, log } = openFile(config, databaseFile, nowMs, metrics)
  const codec = createCodec()
  const { rendering } = config
  const renderer = createRenderer({
    threads: rendering.workers,
    outputBytes: rendering.outputBytes,
    times: { aloneJobMs: rendering.timeLimitMs },
  })
  const bindings =
    hooks.bindings ??
    createBindings(config.providers, {
      inbox: stores.inbox,
      outbox: stores.outbox,
      announce: hooks.kept,
      nowMs,
    })
  let watched = false
  const watchers: RecordWatchers = {
    watching: () => watched,
    tell: (changes) => hooks.changed(changes.map(showChange)),
  }
  const health = providerHealth(log, codec, nowMs)
  const enrich = { directory: stores.directory, templates: stores.templateSource, renderer }
  const stagePorts: StagePorts = {
    log: hooks.begin ? joinedAfter(hooks.begin, log) : log,
    codec,
    outcomes: () => recordReader(database),
    directory: () => stores.directory,
    enrich: () => enrich,
    records: () => stores,
    watchers,
    bindings: () => bindings,
    health,
    countState: log.countState,
    metrics,
    tracing: hooks.tracing ?? null,
    crashed: hooks.crashed,
  }
  const stages = startStages(stageNames, config, stagePorts, { announce: false, sizes: embeddedSizes })
  const parked = () => {
    const { time, destination } = countParked(log.countState)
    return time + destination
  }
  const meter = flowMeter({
    stages,
    log,
    count: () => consumedByStage(metrics),
    here: (stage) => localStates(stages).get(stage),
    parked,
  })
  const letters = runDeadLetters(stagePorts, stores.letters)
  const housekeeping = keepFile(config.retention, log, stores, nowMs)
  const check = createTemplateCheck(renderer)

  return {
    async accept({ notifications, claim }) {
      const outgoing = notifications.map((notification) =>
        codec.encode(requested(notification), notification.acceptedAtMs),
      )
      return log
        .appendIf(outgoing, () => {
          const tenant = notifications[0]?.tenant ?? 'default'
          const acceptance = claim ? stores.claim(tenant, claim) : ({ kind: 'accepted' } as const)
          const append = acceptance.kind === 'accepted'
          if (append) stores.insertAccepted(notifications)
          return { append, acceptance }
        })
        .then(({ append, acceptance }) => {
          if (watched && append) hooks.changed(notifications.map(acceptedChange))
          return acceptance
        })
    },
    cancel: (command, lane) => log.append([codec.encode(cancel(command, 'notifications.requested', lane), nowMs())]),
    putTemplate: stores.templates.put,
    deleteTemplate: stores.templates.delete,
    putRecipient: stores.recipients.put,
    deleteRecipient: stores.recipients.delete,
    markRead: stores.inbox.markRead,
    requestReplays: (commands) => log.append(replayRecords(codec, commands)),
    stages: () => meter.stages(),
    problems: async () =>
      stages.flatMap(({ name, worker }) =>
        worker.restarts() > 0 && stateOf(worker) !== 'running' ? [`${name} is restarting`] : [],
      ),
    askLog: () => log.ask(),
    stalled: async () => stalledStages(stages),
    metrics: () => metrics.text(),
    templateProblems: check.problems,
    preview: check.preview,
    watch: async (on) => {
      watched = on
    },
    async close() {
      housekeeping.stop()
      meter.stop()
      await stopStages([...stages, letters], drainMs)
      await Promise.all([...bindings.values()].map(({ provider }) => provider.close()))
      await renderer.close()
      await hooks.tracing?.close()
      await log.close()
      database.close()
    },
  }
}

function joinedAfter(begin: Promise<void>, log: Log): Log {
  return { ...log, join: (options) => begin.then(() => log.join(options)) }
}

/** The file's log and stores; their tables are made where they are missing. */
function openFile(config: Config, databaseFile: string, nowMs: () => number, metrics: Metrics) {
  try {
    const database = new Database(databaseFile, { observer: sqliteObserver(metrics, 'commits') })
    const stores = openStores(database, storeRetention(config.retention), nowMs)
    return { database, stores, log: sqliteLog(database, { partitions, nowMs }) }
  } catch (error) {
    throw openingError(error, databaseFile)
  }
}
