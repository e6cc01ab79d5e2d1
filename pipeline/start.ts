/** The composition root of `carillon start`: the engine in its thread, the ingress in this one. */
import { join } from 'node:path'
import { v7 as uuid } from 'uuid'
import { createApp } from '../ingress/app.js'
import { inTime } from '../ingress/in-time.js'
import type { IngressPorts, Records } from '../ingress/ports.js'
import { serveIngress } from '../ingress/server.js'
import type { Change } from '../schemas/record.js'
import type { Config } from './config/config.js'
import { deadLetterPorts } from './dead-letters/ports.js'
import { seedDemoUsers } from './demo-users.js'
import { type EngineClient, startEngine } from './embedded/engine-client.js'
import { mergedMetrics } from './embedded/merged-metrics.js'
import { createCodec } from './engine/codec.js'
import { ingressOptions } from './ingress-options.js'
import { createLogger, type Logger } from './logging.js'
import { createMetrics, type Metrics } from './metrics/metrics.js'
import { requestLog } from './request-log.js'
import { addressOf, type Running } from './running.js'
import { claimReader } from './sqlite/claims.js'
import { Database } from './sqlite/database.js'
import { deadLetterReader } from './sqlite/dead-letters.js'
import { lockFolder } from './sqlite/folder-lock.js'
import { inboxReader } from './sqlite/inbox.js'
import { outboxReader } from './sqlite/outbox.js'
import { recipientReader } from './sqlite/recipients.js'
import { recordReader } from './sqlite/records.js'
import { templateReader } from './sqlite/templates.js'
import { topology } from './topology.js'

/** How long the engine may take to say how it does. One that does not answer has stalled. */
const engineAnswerMs = 5000

/** Starts everything embedded. Rejects with an error whose message says what to do. */
export async function start(config: Config): Promise<Running> {
  const logger = createLogger({ level: config.logLevel })
  const unlock = lockFolder(config.dataFolder)
  const databaseFile = join(config.dataFolder, 'carillon.db')
  const watchers = new Set<(change: Change) => void>()
  const engine = await startEngine({ config, databaseFile }, (changes) => {
    for (const change of changes) for (const watcher of watchers) watcher(change)
  })
  const reader = new Database(databaseFile, { readOnly: true })
  const metrics = createMetrics()
  const ports = ingressPorts({ engine, reader, watchers, metrics, logger })
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
      reader.close()
      await engine.close()
      unlock()
    },
  }
}

interface IngressParts {
  readonly engine: EngineClient
  readonly reader: Database
  readonly watchers: Set<(change: Change) => void>
  readonly metrics: Metrics
  readonly logger: Logger
}

/** Reads come from this thread's own connection; whatever writes goes to the engine. */
function ingressPorts({ engine, reader, watchers, metrics, logger }: IngressParts): IngressPorts {
  return {
    acceptor: {
      ...claimReader(reader),
      accept: (notifications, claim) => engine.accept({ notifications, claim }),
      cancel: engine.cancel,
    },
    records: { ...recordReader(reader), watch: watcher(watchers, engine) },
    templates: { ...templateReader(reader), put: engine.putTemplate, delete: engine.deleteTemplate },
    recipients: { ...recipientReader(reader), put: engine.putRecipient, delete: engine.deleteRecipient },
    inbox: { ...inboxReader(reader), markRead: engine.markRead },
    outbox: outboxReader(reader),
    deadLetters: deadLetterPorts(deadLetterReader(reader), createCodec(), engine.requestReplays),
    flow: {
      topology: async () => topology(),
      stages: engine.stages,
      problems: engine.problems,
      askLog: engine.askLog,
      stalled: () => inTime(engine.stalled(), engineAnswerMs, ['The engine does not answer.']),
      metrics: async () => mergedMetrics(metrics.registry, await engine.metrics()),
    },
    templateCheck: { problems: engine.templateProblems, preview: engine.preview },
    nowMs: Date.now,
    newId: () => uuid(),
    log: requestLog(metrics, logger),
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
