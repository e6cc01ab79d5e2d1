/** `carillon ingress`: the HTTP API on Kafka, the intake beside it, and the keeper of dead letters. `carillon start` on
 *  Kafka is the same with the six stages, for small set-ups. */
import { setTimeout as sleep } from 'node:timers/promises'
import { v7 as uuid } from 'uuid'
import { createApp } from '../../../ingress/app.js'
import type { Flow, IngressPorts } from '../../../ingress/ports.js'
import { serveIngress } from '../../../ingress/server.js'
import type { ProviderBinding } from '../../../stages/deliver/providers/provider.js'
import type { StageName } from '../../../stages/stage.js'
import type { Config } from '../../config/config.js'
import type { Log } from '../../engine/log.js'
import { topology } from '../../engine/topology.js'
import { kafkaLagReader } from '../../logs/kafka/lag-reader.js'
import { lagOnDemand } from '../../observe/lag/rounds.js'
import { createLogger } from '../../observe/logging/logging.js'
import { ingressObserver } from '../../observe/metrics/ingress-observer.js'
import { createMetrics, type Metrics, tellBuild } from '../../observe/metrics/metrics.js'
import { createTemplateCheck } from '../../rendering/check.js'
import { deadLetterPorts, replayRecords, runDeadLetters } from '../dead-letters.js'
import { keepStore, prepareStore } from '../housekeeping.js'
import { ingressOptions, seedDemoUsers } from '../ingress.js'
import { intake } from '../intake.js'
import { requestLog } from '../log-lines.js'
import { addressOf, type Running } from '../running.js'
import { kafkaSizes, type RunningStage, runStage, startStages } from '../stages.js'
import { drainMs, localStates, restarting, stalledStages, stopStages } from '../workers.js'
import { logAcceptor } from './acceptor.js'
import { type ChangeFeed, changeFeed } from './change-feed.js'
import { groupFlow } from './group-flow.js'
import { openProcess, type Runtime } from './runtime.js'
import type { SharedStores } from './stores.js'

export interface IngressProcessOptions {
  /** What runs beside it in the same process. */
  readonly stages: readonly StageName[]
  readonly createTopics: boolean
  /** Puts other carriers in the place of the configured ones: the bench's stub. */
  readonly bindings?: ReadonlyMap<string, ProviderBinding>
}

/** Resolves when it listens, which it does once Kafka is there. Rejects with an error that says what to do, and when
 *  `signal` aborts. */
export async function startIngressProcess(
  config: Config,
  { stages, createTopics, bindings }: IngressProcessOptions,
  signal: AbortSignal,
): Promise<Running> {
  const logger = createLogger({ level: config.logLevel })
  const metrics = createMetrics('main')
  const role = stages.length > 0 ? 'all' : 'ingress'
  tellBuild(metrics, 'kafka', role)
  const runtime = await openProcess({ config, role, metrics, logger, createTopics, bindings, signal })
  const { tracing } = runtime.workerPorts
  const stores = await runtime.parts.stores()
  const templateCheck = createTemplateCheck(await runtime.parts.renderer())
  const workers = [
    ...ingressWorkers(config, runtime, stores),
    ...startStages(stages, config, await runtime.stagePorts(stages), { announce: true, sizes: kafkaSizes }),
  ]
  const lag = config.kafka ? lagOnDemand(kafkaLagReader(config.kafka)) : null
  const flow = groupFlow(runtime.log, () => localStates(workers), lag)
  const house = (stages.includes('record') ? keepStore : prepareStore)(stores, logger)
  const feed = changeFeed(runtime.log, runtime.codec)
  const close = async (): Promise<void> => {
    await flow.stop()
    feed.close()
    await stopStages(workers, drainMs)
    house.stop()
    await runtime.close()
  }
  const revoked = { now: false }
  const told = flowPort(flow.stages, runtime.log, workers, metrics)
  const problems = async () => (revoked.now ? ['It is about to stop.'] : told.problems())
  const ports = {
    ...apiPorts(runtime, stores, feed),
    ...(tracing && { traces: tracing.requests }),
    templateCheck,
    flow: { ...told, problems },
    log: requestLog(metrics, logger),
    observer: ingressObserver(metrics),
  }
  await seedDemoUsers(config.compat.a, stores.recipients, Date.now())
  const { host, port, leaveMs } = config
  const app = createApp(ports, ingressOptions(config))
  const server = await serveIngress(app, { host, port }).catch(async (error: unknown) => {
    await close()
    throw error
  })

  return {
    address: addressOf(host, server.port),
    died: runtime.died,
    leaveMs,
    async close() {
      // Load balancers go by its readiness. What they sent to a port that no longer listens they could not send again.
      revoked.now = true
      await sleep(leaveMs)
      await server.close()
      await close()
    },
  }
}

function ingressWorkers(config: Config, { workerPorts }: Runtime, stores: SharedStores): RunningStage[] {
  return [
    runStage(
      intake({
        templates: stores.templates,
        dedupeWindowMs: config.dedupe.windowMs,
        retryBounds: config.retry.requests,
        ...(workerPorts.tracing && { traceRoot: workerPorts.tracing.root }),
      }),
      workerPorts,
      kafkaSizes.stage,
    ),
    runDeadLetters(workerPorts, stores.letters),
  ]
}

function flowPort(
  stages: Flow['stages'],
  log: Pick<Log, 'ask'>,
  workers: readonly RunningStage[],
  metrics: Metrics,
): Flow {
  return {
    topology: async () => topology(),
    stages,
    problems: async () => restarting(workers),
    askLog: () => log.ask(),
    stalled: async () => stalledStages(workers),
    metrics: () => metrics.text(),
  }
}

function apiPorts(
  { log, codec, workerPorts: { tracing } }: Runtime,
  stores: SharedStores,
  feed: ChangeFeed,
): Omit<IngressPorts, 'flow' | 'log' | 'observer' | 'templateCheck'> {
  const nowMs = Date.now
  const { records, templates, recipients, inbox, outbox, letters, claims } = stores
  const acceptor = logAcceptor({ log, codec, claims, nowMs })
  return {
    acceptor: tracing ? tracing.acceptor(acceptor) : acceptor,
    records: { ...records, watch: feed.watch },
    ...{ templates, recipients, inbox, outbox, nowMs },
    deadLetters: deadLetterPorts(letters, codec, (commands) => log.append(replayRecords(codec, commands))),
    newId: () => uuid(),
  }
}
