/** The engine's own thread. Started by `engine-client.ts` with the configuration as its data. */
import { workerData } from 'node:worker_threads'
import { createLogger } from '../../observe/logging/logging.js'
import { createMetrics } from '../../observe/metrics/metrics.js'
import { openTracing } from '../../observe/tracing/tracing.js'
import { logCrashes, logKept } from '../log-lines.js'
import { openEngine } from './engine.js'
import type { EngineThreadData } from './engine-calls.js'
import { serveEngine } from './engine-server.js'

const { config, databaseFile } = workerData as EngineThreadData
const logger = createLogger({ level: config.logLevel })
serveEngine(async ({ changed }) => {
  const metrics = createMetrics('engine')
  return openEngine(config, databaseFile, {
    changed,
    metrics,
    tracing: await openTracing({ config, role: 'engine', metrics, logger }),
    crashed: logCrashes(logger),
    kept: logKept(logger),
  })
})
