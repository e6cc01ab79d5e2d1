/** `carillon stage <name>`: one stage on Kafka, with its health and metrics. */
import { setFlagsFromString } from 'node:v8'
import { createOpsApp } from '../../../ingress/ops-app.js'
import { serveIngress } from '../../../ingress/server.js'
import type { Channel } from '../../../schemas/streams.js'
import type { ProviderBinding } from '../../../stages/deliver/providers/provider.js'
import type { StageName } from '../../../stages/stage.js'
import type { Config } from '../../config/config.js'
import { createLogger } from '../../observe/logging/logging.js'
import { createMetrics, tellBuild } from '../../observe/metrics/metrics.js'
import { keepStore } from '../housekeeping.js'
import { addressOf, type Running } from '../running.js'
import { kafkaSizes, type RunningStage, startStages } from '../stages.js'
import { drainMs, restarting, stalledStages, stopStages } from '../workers.js'
import { openProcess } from './runtime.js'

export interface StageProcessOptions {
  readonly stage: StageName
  /** What deliver serves; all unless said. */
  readonly channels?: readonly Channel[]
  readonly createTopics: boolean
  /** Puts other carriers in the place of the configured ones: the bench's stub. */
  readonly bindings?: ReadonlyMap<string, ProviderBinding>
}

/** Bytes of unfinished deliveries that a process of deliver holds, at most. */
const deliverBytes = 24 * 1024 * 1024

/** How much the heap may grow before it is collected, in per cent of what was alive. V8's own choice grows with the
 *  machine's memory, to several times of what a stage needs; this costs some 5 % of processor time. */
const heapGrowth = 50

/** Resolves when its health can be asked for; the stage begins as soon as Kafka is there. Rejects with an error that
 *  says what to do. */
export async function startStageProcess(config: Config, options: StageProcessOptions): Promise<Running> {
  const { stage, channels, createTopics, bindings } = options
  setFlagsFromString(`--heap-growing-percent=${heapGrowth}`)
  const logger = createLogger({ level: config.logLevel })
  const metrics = createMetrics('main')
  let stages: readonly RunningStage[] | null = null
  const app = createOpsApp({
    problems: async () => (stages ? restarting(stages) : [`${stage} waits for Kafka and its topics.`]),
    stalled: async () => stalledStages(stages ?? []),
    metrics: () => metrics.text(),
  })
  const { host, opsPort: port } = config
  const server = await serveIngress(app, { host, port, portVariable: 'CARILLON_OPS_PORT' })
  const stopping = new AbortController()
  const role = channels ? `${stage}-${[...channels].sort().join('-')}` : stage
  tellBuild(metrics, 'kafka', role)
  // Until it begins.
  metrics.running.set({ stage }, 0)
  const opened = openProcess({ config, role, metrics, logger, createTopics, bindings, signal: stopping.signal }).then(
    async (runtime) => {
      stages = startStages([stage], config, await runtime.stagePorts([stage]), {
        announce: true,
        sizes: kafkaSizes,
        deliverBytes,
        ...(channels && { channels }),
      })
      const house = stage === 'record' ? keepStore(await runtime.parts.stores(), logger) : null
      logger.info('The stage runs', { stage })
      return { runtime, house, stages }
    },
  )

  return {
    address: addressOf(host, server.port),
    died: opened.then(
      ({ runtime }) => runtime.died,
      (error: unknown) => (stopping.signal.aborted ? new Promise<never>(() => undefined) : error),
    ),
    async close() {
      stopping.abort()
      const parts = await opened.catch(() => null)
      if (parts) {
        await stopStages(parts.stages, drainMs)
        parts.house?.stop()
        await parts.runtime.close()
      }
      await server.close()
    },
  }
}
