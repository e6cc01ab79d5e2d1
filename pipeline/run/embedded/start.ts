/** The composition root of `carillon start`: the engine in its thread, the ingress in this one. */
import { join } from 'node:path'
import { v7 as uuid } from 'uuid'
import { createApp } from '../../../ingress/app.js'
import type { Acceptor, IngressPorts, Records } from '../../../ingress/ports.js'
import { serveIngress } from '../../../ingress/server.js'
import type { Change } from '../../../schemas/record.js'
import type { Config } from '../../config/config.js'
import { createCodec } from '../../engine/codec.js'
import { topology } from '../../engine/topology.js'
import { Database } from '../../logs/sqlite/database.js'
import { lockFolder } from '../../logs/sqlite/folder-lock.js'
import type { LagRounds } from '../../observe/lag/rounds.js'
import { createLogger, type Logger } from '../../observe/logging/logging.js'
import { measureFiles, sqliteObserver } from '../../observe/metrics/databases.js'
import { ingressObserver } from '../../observe/metrics/ingress-observer.js'
import { mergedPage } from '../../observe/metrics/merged-page.js'
import { createMetrics, type Metrics, tellBuild } from '../../observe/metrics/metrics.js'
import { openTracing, type Tracing } from '../../observe/tracing/tracing.js'
import { claimReader } from '../../stores/sqlite/claims.js'
import { deadLetterReader } from '../../stores/sqlite/dead-letters.js'
import { inboxReader } from '../../stores/sqlite/inbox.js'
import { outboxReader } from '../../stores/sqlite/outbox.js'
import { recipientReader } from '../../stores/sqlite/recipients.js'
import { recordReader } from '../../stores/sqlite/records.js'
import { templateReader } from '../../stores/sqlite/templates.js'
import { deadLetterPorts } from '../dead-letters.js'
import { withBehind } from '../flow-meter.js'
import { ingressOptions, seedDemoUsers } from '../ingress.js'
import { requestLog } from '../log-lines.js'
import { addressOf, type Running } from '../running.js'
import { type EngineClient, startEngine } from './engine-client.js'
import { answering, measureEmbeddedLag } from './lag.js'

/** For whoever asks how far stages are behind a round may be so old. */
const lagAgeMs = 1000

/** Starts everything embedded. Rejects with an error whose message says what to do. */
export async function start(config: Config): Promise<Running> {
  const logger = createLogger({ level: config.logLevel })
  const unlock = lockFolder(config.dataFolder)
  const databaseFile = join(config.dataFolder, 'carillon.db')
  const watchers = new Set<(change: Change) => void>()
  const engine = await startEngine({ config, databaseFile }, (changes) => {
    for (const change of changes) for (const watcher of watchers) watcher(change)
  })
  const metrics = createMetrics('http')
  const reader = new Database(databaseFile, { readOnly: true, observer: sqliteObserver(metrics, 'reads') })
  measureFiles(metrics, databaseFile)
  tellBuild(metrics, 'embedded', 'all')
  const tracing = await openTracing({ config, role: 'http', metrics, logger })
  const lag = measureEmbeddedLag({ config, database: reader, engine, metrics, logger })
  const ports = ingressPorts({ engine, reader, lag, watchers, metrics, tracing, logger })
  await seedDemoUsers(config.compat.a, ports.recipients, Date.now())
  const { host, port } = config
  const app = createApp(ports, ingressOptions(config))
  const server = await serveIngress(app, { host, port }).catch(async (error: unknown) => {
    await engine.close()
    throw error
  })
  let closing = false
  void engine.died.then((error) => {
    if (closing) return
    logger.error('The engine stopped; this process ends, and what was accepted goes on at the next start', { error })
    process.exit(1)
  })

  return {
    address: addressOf(host, server.port),
    async close() {
      closing = true
      await server.close()
      await tracing?.close()
      await lag.stop()
      reader.close()
      await engine.close()
      unlock()
    },
  }
}

interface IngressParts {
  readonly engine: EngineClient
  readonly reader: Database
  readonly lag: LagRounds
  readonly watchers: Set<(change: Change) => void>
  readonly metrics: Metrics
  readonly tracing: Tracing | null
  readonly logger: Logger
}

/** Reads come from this thread's own connection; whatever writes goes to the engine. */
function ingressPorts({ engine, reader, lag, watchers, metrics, tracing, logger }: IngressParts): IngressPorts {
  // Without what the engine would tell, lag above all is still to be seen.
  const engineMetrics = answering(async () => [await engine.metrics()], [])
  const acceptor: Acceptor = {
    ...claimReader(reader),
    accept: (notifications, claim) => engine.accept({ notifications, claim }),
    cancel: engine.cancel,
  }
  return {
    acceptor: tracing ? tracing.acceptor(acceptor) : acceptor,
    ...(tracing && { traces: tracing.requests }),
    records: { ...recordReader(reader), watch: watcher(watchers, engine) },
    templates: { ...templateReader(reader), put: engine.putTemplate, delete: engine.deleteTemplate },
    recipients: { ...recipientReader(reader), put: engine.putRecipient, delete: engine.deleteRecipient },
    inbox: { ...inboxReader(reader), markRead: engine.markRead },
    outbox: outboxReader(reader),
    deadLetters: deadLetterPorts(deadLetterReader(reader), createCodec(), engine.requestReplays),
    flow: {
      topology: async () => topology(),
      stages: async () => withBehind(await engine.stages(), await lag.fresh(lagAgeMs).catch(() => null)),
      problems: engine.problems,
      askLog: engine.askLog,
      stalled: answering(engine.stalled, ['The engine does not answer.']),
      metrics: async () => mergedPage(await metrics.text(), ...(await engineMetrics())),
    },
    templateCheck: { problems: engine.templateProblems, preview: engine.preview },
    nowMs: Date.now,
    newId: () => uuid(),
    log: requestLog(metrics, logger),
    observer: ingressObserver(metrics),
  }
}

/** The engine tells of changes only while somebody listens. What it is asked later it does later, so whoever watches
 *  misses nothing of what is asked for after that. */
function watcher(watchers: Set<(change: Change) => void>, engine: EngineClient): Records['watch'] {
  return (onChange, onReady) => {
    // Of its own, for the same function may watch twice.
    const own = (change: Change) => onChange(change)
    watchers.add(own)
    if (watchers.size === 1) void engine.watch(true).catch(() => undefined)
    onReady?.()
    return () => {
      if (watchers.delete(own) && watchers.size === 0) void engine.watch(false).catch(() => undefined)
    }
  }
}
