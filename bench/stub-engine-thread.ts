/** The engine's thread as production has it, but for the providers and for when the stages begin. */
import { BroadcastChannel, workerData } from 'node:worker_threads'
import { createBirpc } from 'birpc'
import { createLogger } from '../pipeline/observe/logging/logging.js'
import { openEngine } from '../pipeline/run/embedded/engine.js'
import { serveEngine } from '../pipeline/run/embedded/engine-server.js'
import type { StubCalls, StubThreadData } from './stub-calls.js'
import { createStub } from './stub-provider.js'
import { profileThread } from './thread-profile.js'
import { threadTimeMs } from './thread-time.js'
import { warmUpEngine } from './warm-engine.js'

const { config, databaseFile, channel: channelName, warmUp, profile } = workerData as StubThreadData
const logger = createLogger({ level: config.logLevel })
const stub = createStub()
const channel = new BroadcastChannel(channelName)
const profiling = profile === null ? null : profileThread()

const begun = new Promise<void>((resolve) => {
  createBirpc<Record<string, never>, StubCalls>(
    {
      begin: () => {
        profiling?.start()
        resolve()
      },
      sent: stub.sent,
      called: stub.called,
      report: stub.report,
      slow: stub.slow,
      threadTimeMs,
      writeProfile: async () => profiling?.stop(profile ?? '') ?? {},
    },
    {
      post: (message) => channel.postMessage(message),
      on: (listener) => {
        channel.onmessage = ({ data }) => listener(data)
      },
      timeout: -1,
    },
  )
})

serveEngine(async ({ changed }) => {
  if (warmUp > 0) await warmUpEngine(config, `${databaseFile}.warm-up`, warmUp)
  return openEngine(config, databaseFile, {
    changed,
    crashed: (stage, error, waitMs) => logger.error('A stage failed and starts again', { stage, waitMs, error }),
    kept: () => undefined,
    bindings: stub.bindings(config.providers),
    begin: begun,
  })
})
