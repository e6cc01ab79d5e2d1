/** The engine's thread as production has it, but for the providers and for when the stages begin. */
import { setTimeout as delay } from 'node:timers/promises'
import { BroadcastChannel, workerData } from 'node:worker_threads'
import { createBirpc } from 'birpc'
import { createLogger } from '../pipeline/observe/logging/logging.js'
import { openEngine } from '../pipeline/run/embedded/engine.js'
import type { EngineThreadData } from '../pipeline/run/embedded/engine-calls.js'
import { serveEngine } from '../pipeline/run/embedded/engine-server.js'
import { layBacklog, orderShipped } from './notifications.js'
import { threadTimeMs } from './process-use.js'
import { createStub, type Stub } from './stub-provider.js'
import { profileThread } from './thread-profile.js'

/** What the bench asks of the thread, beside what the engine is asked. */
export interface StubCalls extends Pick<Stub, 'sent' | 'called' | 'report' | 'slow'> {
  /** Lets the stages begin. */
  begin(): void
  /** Processor time of the engine's thread so far, where the system tells. */
  threadTimeMs(): number | null
  /** Writes the profile of what the thread did since `begin`; returns the shares of its time, by part. */
  writeProfile(): Promise<Readonly<Record<string, number>>>
}

export interface StubThreadData extends EngineThreadData {
  /** Name of the `BroadcastChannel` that both use. */
  readonly channel: string
  /** So many notifications go through another engine in the same thread first. */
  readonly warmUp: number
  /** Where a profile of the thread is written; null for none. */
  readonly profile: string | null
}

const lookEveryMs = 20
/** Far more than a warm-up takes. */
const warmUpMostMs = 60_000

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
      ...{ sent: stub.sent, called: stub.called, report: stub.report, slow: stub.slow, threadTimeMs },
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
  if (warmUp > 0) await warm()
  return openEngine(config, databaseFile, {
    changed,
    crashed: (stage, error, waitMs) => logger.error('A stage failed and starts again', { stage, waitMs, error }),
    kept: () => undefined,
    bindings: stub.bindings(config.providers),
    begin: begun,
  })
})

/** An engine of its own, on a file of its own, takes some notifications all the way through, so that what is measured
 *  afterwards runs compiled. */
async function warm(): Promise<void> {
  const first = createStub()
  const engine = await openEngine(config, `${databaseFile}.warm-up`, {
    changed: () => undefined,
    crashed: () => undefined,
    kept: () => undefined,
    bindings: first.bindings(config.providers),
  })
  await engine.putTemplate('default', orderShipped, 0)
  await layBacklog(warmUp, (notifications) => engine.accept({ notifications, claim: null }))
  const startedMs = performance.now()
  while (first.sent() < warmUp) {
    if (performance.now() - startedMs > warmUpMostMs) throw new Error(`Of ${warmUp} ${first.sent()} warmed it up`)
    await delay(lookEveryMs)
  }
  // It drains: what was sent is recorded too.
  await engine.close()
}
