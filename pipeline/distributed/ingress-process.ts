/** `carillon ingress`: the HTTP API on Kafka, the intake beside it, and the keeper of dead letters. `carillon start` on
 *  Kafka is the same with the six stages, for small set-ups. */
import { v7 as uuid } from 'uuid'
import { createApp } from '../../ingress/app.js'
import type { Flow, IngressPorts } from '../../ingress/ports.js'
import { serveIngress } from '../../ingress/server.js'
import type { Carrier } from '../../stages/deliver.js'
import type { StageName } from '../../stages/stage.js'
import { stalledStages } from '../composition/liveness.js'
import { type RunningStage, runStage, startStages } from '../composition/stages.js'
import type { Config } from '../config/config.js'
import { deadLetterPorts, replayRecords } from '../dead-letters/ports.js'
import { runDeadLetters } from '../dead-letters/worker.js'
import { intake } from '../intake.js'
import { createLogger, type Logger } from '../logging.js'
import { createMetrics, type Metrics } from '../metrics.js'
import { createTemplateCheck } from '../rendering/check.js'
import { requestLog } from '../request-log.js'
import { addressOf, type Running } from '../running.js'
import { topology } from '../topology.js'
import { carillonVersion } from '../version.js'
import { logAcceptor } from './acceptor.js'
import { groupFlow } from './group-flow.js'
import { prepareStore, pruneStore } from './housekeeping.js'
import { openProcess, type Runtime } from './runtime.js'
import { localStates, measureStages, restarting, stopStages } from './workers.js'

export interface IngressProcessOptions {
  /** What runs beside it in the same process. */
  readonly stages: readonly StageName[]
  readonly createTopics: boolean
  /** Puts other carriers in the place of the configured ones: the bench's stub. */
  readonly carriers?: ReadonlyMap<string, Carrier>
}

/** How long the cancel route waits for the verdict, and a fresh id for its record. */
const settleWaitMs = 2000

/** Resolves when it listens, which it does once Kafka is there. Rejects with an error that says what to do, and when
 *  `signal` aborts. */
export async function startIngressProcess(
  config: Config,
  { stages, createTopics, carriers }: IngressProcessOptions,
  signal: AbortSignal,
): Promise<Running> {
  const logger = createLogger({ level: config.logLevel })
  const metrics = createMetrics()
  const role = stages.length > 0 ? 'all' : 'ingress'
  const runtime = await openProcess({ config, role, metrics, logger, createTopics, carriers, signal })
  const workers = [
    ...ingressWorkers(config, runtime),
    ...startStages(stages, config, runtime.stagePorts, { announce: true }),
  ]
  const flow = groupFlow(runtime.log, () => localStates(workers))
  const house = [
    prepareStore(runtime.stores, logger),
    ...(stages.includes('record') ? [pruneStore(runtime.stores)] : []),
  ]
  const close = async (): Promise<void> => {
    flow.stop()
    await stopStages(workers)
    for (const keeper of house) keeper.stop()
    await runtime.close()
  }
  const { apiKey, corsOrigins, host, port, dedupe } = config
  const options = { apiKey, corsOrigins, settleWaitMs, dedupeWindowMs: dedupe.windowMs, version: carillonVersion() }
  const app = createApp(ingressPorts(runtime, flowPort(flow.stages, workers, metrics), metrics, logger), options)
  const server = await serveIngress(app, { host, port }).catch(async (error: unknown) => {
    await close()
    throw error
  })

  return {
    address: addressOf(host, server.port),
    died: runtime.died,
    async close() {
      await server.close()
      await close()
    },
  }
}

function ingressWorkers(config: Config, { stagePorts, stores }: Runtime): RunningStage[] {
  return [
    runStage(intake({ templates: stores.templates, dedupeWindowMs: config.dedupe.windowMs }), stagePorts),
    runDeadLetters(stagePorts, stores.letters),
  ]
}

function flowPort(stages: Flow['stages'], workers: readonly RunningStage[], metrics: Metrics): Flow {
  return {
    topology: async () => topology(),
    stages,
    problems: async () => restarting(workers),
    stalled: async () => stalledStages(workers),
    async metrics() {
      measureStages(workers, metrics)
      return metrics.registry.metrics()
    },
  }
}

function ingressPorts(
  { log, codec, stores, renderer }: Runtime,
  flow: Flow,
  metrics: Metrics,
  logger: Logger,
): IngressPorts {
  const nowMs = Date.now
  const { records, templates, recipients, inbox, outbox, letters, claims } = stores
  return {
    acceptor: logAcceptor({ log, codec, claims, nowMs }),
    // Who waits for a record looks again by itself.
    records: { ...records, watch: () => () => undefined },
    ...{ templates, recipients, inbox, outbox, flow, nowMs },
    deadLetters: deadLetterPorts(letters, codec, (commands) => log.append(replayRecords(codec, commands))),
    templateCheck: createTemplateCheck(renderer()),
    newId: () => uuid(),
    log: requestLog(metrics, logger),
  }
}
