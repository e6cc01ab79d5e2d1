/** `carillon lag-exporter`: tells how far every group on Kafka is behind, as metrics. It is no member of any group and runs
 *  none of the stages, so a stage that hangs or is gone cannot keep its own lag from being seen. */
import { createOpsApp } from '../../../ingress/ops-app.js'
import { serveIngress } from '../../../ingress/server.js'
import type { Config } from '../../config/config.js'
import { kafkaLagReader } from '../../logs/kafka/lag-reader.js'
import { measureLag, roundProblems } from '../../observe/lag/measured.js'
import { createLogger } from '../../observe/logging/logging.js'
import { createMetrics, tellBuild } from '../../observe/metrics/metrics.js'
import { addressOf, type Running } from '../running.js'
import { KafkaNotConfigured } from './runtime.js'

/** Resolves when it listens; Kafka may come later. Rejects with an error that says what to do. */
export async function startLagExporter(config: Config): Promise<Running> {
  const { kafka, host, opsPort: port, lag } = config
  if (!kafka) throw new KafkaNotConfigured()
  const logger = createLogger({ level: config.logLevel })
  const metrics = createMetrics('main')
  tellBuild(metrics, 'kafka', 'lag-exporter')
  const rounds = measureLag({ reader: kafkaLagReader(kafka), everyMs: lag.everyMs, metrics, logger })
  const app = createOpsApp({
    problems: async () => roundProblems(rounds),
    // What it waits for is bounded, and Kafka's being away is no reason to start it again.
    stalled: async () => [],
    metrics: () => metrics.text(),
  })
  const server = await serveIngress(app, { host, port, portVariable: 'CARILLON_OPS_PORT' }).catch(
    async (error: unknown) => {
      await rounds.stop()
      throw error
    },
  )
  return {
    address: addressOf(host, server.port),
    async close() {
      await rounds.stop()
      await server.close()
    },
  }
}
