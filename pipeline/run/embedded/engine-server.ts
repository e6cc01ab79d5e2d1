/** The engine's end of the line between its thread and the HTTP thread; `engine-client.ts` is the other. */
import { parentPort } from 'node:worker_threads'
import { createBirpc } from 'birpc'
import type { Engine, EngineHooks } from './engine.js'
import { type AnyCall, type EngineCalls, type EngineNews, forEachCall, replyOf } from './engine-calls.js'

/** Opens the engine and answers what the other thread asks of it, until it asks to close. `open` is given what tells
 *  the other thread of changes. */
export function serveEngine(open: (hooks: Pick<EngineHooks, 'changed'>) => Promise<Engine>): void {
  const port = parentPort
  if (!port) throw new Error('This runs in a worker thread')
  const opened = open({ changed: (changes) => void news.changed(changes) })
  // What kept it from opening is the answer to every call; unheeded it would end the thread before it could be told.
  opened.catch(() => undefined)
  const news = createBirpc<EngineNews, EngineCalls>(callsOn(opened), {
    post: (data) => port.postMessage(data),
    on: (listener) => port.on('message', listener),
    eventNames: ['changed'],
    timeout: -1,
  })
}

function callsOn(opened: Promise<Engine>): EngineCalls {
  const call =
    <A extends unknown[], R>(method: (engine: Engine) => (...args: A) => Promise<R>) =>
    (...args: A) =>
      replyOf(async () => method(await opened)(...args))
  return {
    acceptAll: (requests) =>
      Promise.all(requests.map((request) => replyOf(async () => (await opened).accept(request)))),
    ...forEachCall<EngineCalls>((name) => call((engine) => engine[name] as AnyCall)),
    open: call(() => async () => undefined),
    close: call((engine) => async () => {
      await engine.close()
      // Nothing may keep the thread: what it owned is closed.
      setImmediate(() => process.exit(0))
    }),
  }
}
