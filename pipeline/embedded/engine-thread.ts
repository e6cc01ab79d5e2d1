/** The engine's own thread. Started by `engine-client.ts` with the configuration as its data. */
import { parentPort, workerData } from 'node:worker_threads'
import { createBirpc } from 'birpc'
import { createLogger } from '../logging.js'
import { type Engine, openEngine } from './engine.js'
import type { EngineCalls, EngineNews, EngineThreadData } from './engine-calls.js'
import { replyOf } from './replies.js'

const { config, databaseFile } = workerData as EngineThreadData
const port = parentPort
if (!port) throw new Error('This file runs in a worker thread')

const logger = createLogger({ level: config.logLevel })
const opened = openEngine(config, databaseFile, {
  changed: (changes) => void news.changed(changes),
  crashed: (stage, error, waitMs) => logger.error('A stage failed and starts again', { stage, waitMs, error }),
  kept: ({ deliveryId, channel, note }) => logger.info('There is no provider', { deliveryId, channel, reason: note }),
})
const call =
  <A extends unknown[], R>(method: (engine: Engine) => (...args: A) => Promise<R>) =>
  (...args: A) =>
    replyOf(async () => method(await opened)(...args))

const calls: EngineCalls = {
  acceptAll: (requests) => Promise.all(requests.map((request) => replyOf(async () => (await opened).accept(request)))),
  cancel: call((engine) => engine.cancel),
  putTemplate: call((engine) => engine.putTemplate),
  deleteTemplate: call((engine) => engine.deleteTemplate),
  putRecipient: call((engine) => engine.putRecipient),
  deleteRecipient: call((engine) => engine.deleteRecipient),
  markRead: call((engine) => engine.markRead),
  replay: call((engine) => engine.replay),
  stages: call((engine) => engine.stages),
  problems: call((engine) => engine.problems),
  metrics: call((engine) => engine.metrics),
  templateProblems: call((engine) => engine.templateProblems),
  preview: call((engine) => engine.preview),
  watch: call((engine) => engine.watch),
  open: call(() => async () => undefined),
  close: call((engine) => async () => {
    await engine.close()
    // Nothing may keep the thread: what it owned is closed.
    setImmediate(() => process.exit(0))
  }),
}
const news = createBirpc<EngineNews, EngineCalls>(calls, {
  post: (data) => port.postMessage(data),
  on: (listener) => port.on('message', listener),
  eventNames: ['changed'],
  timeout: -1,
})
