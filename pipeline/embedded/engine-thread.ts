/** The engine's own thread. Started by `engine-client.ts` with the configuration as its data. */
import { workerData } from 'node:worker_threads'
import { createLogger } from '../logging.js'
import { openEngine } from './engine.js'
import type { EngineThreadData } from './engine-calls.js'
import { serveEngine } from './engine-server.js'

const { config, databaseFile } = workerData as EngineThreadData
const logger = createLogger({ level: config.logLevel })
serveEngine(({ changed }) =>
  openEngine(config, databaseFile, {
    changed,
    crashed: (stage, error, waitMs) => logger.error('A stage failed and starts again', { stage, waitMs, error }),
    kept: ({ deliveryId, channel, note }) => logger.info('Kept in the outbox', { deliveryId, channel, reason: note }),
  }),
)
