/** The engine's thread as production has it, but for the providers and for when the stages begin. */
import { BroadcastChannel, workerData } from 'node:worker_threads'
import { createBirpc } from 'birpc'
import { openEngine } from '../pipeline/embedded/engine.js'
import { serveEngine } from '../pipeline/embedded/engine-server.js'
import { createLogger } from '../pipeline/logging.js'
import type { StubCalls, StubThreadData } from './stub-calls.js'
import { createStub } from './stub-provider.js'
import { threadTimeMs } from './thread-time.js'

const { config, databaseFile, channel: channelName } = workerData as StubThreadData
const logger = createLogger({ level: config.logLevel })
const stub = createStub()
const carriers = new Map(
  config.providers.map(({ name, policy }) => [name, { provider: stub.provider(name), policy }] as const),
)
const channel = new BroadcastChannel(channelName)

const begun = new Promise<void>((resolve) => {
  createBirpc<Record<string, never>, StubCalls>(
    { begin: resolve, sent: stub.sent, called: stub.called, report: stub.report, threadTimeMs },
    {
      post: (message) => channel.postMessage(message),
      on: (listener) => {
        channel.onmessage = ({ data }) => listener(data)
      },
      timeout: -1,
    },
  )
})

serveEngine(({ changed }) =>
  openEngine(config, databaseFile, {
    changed,
    crashed: (stage, error, waitMs) => logger.error('A stage failed and starts again', { stage, waitMs, error }),
    kept: () => undefined,
    carriers,
    begin: begun,
  }),
)
