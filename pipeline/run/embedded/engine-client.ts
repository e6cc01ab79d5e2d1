/** The engine as the HTTP thread sees it. */
import { Worker } from 'node:worker_threads'
import { createBirpc } from 'birpc'
import type { Acceptance } from '../../../ingress/ports.js'
import { Unavailable } from '../../../schemas/errors.js'
import type { Change } from '../../../schemas/record.js'
import type { AcceptRequest, Engine } from './engine.js'
import {
  type AnyCall,
  type EngineCalls,
  type EngineNews,
  type EngineThreadData,
  forEachCall,
  type Reply,
  unwrap,
} from './engine-calls.js'

export interface EngineClient extends Engine {
  /** Resolves with what ended the engine's thread before it was asked to. */
  readonly died: Promise<Error>
}

interface Waiting {
  readonly request: AcceptRequest
  readonly resolve: (acceptance: Acceptance) => void
  readonly reject: (error: unknown) => void
}

/** Notifications handed to the engine and not answered yet; one request more is told to come back. */
const maxWaiting = 100_000
/** Objects live as long as a batch is under way: with a small nursery they would be copied again and again. */
const youngGenerationMb = 48
/** What is under way is bounded by bytes and takes about 100 MiB. With a low ceiling the heap grows in small steps. */
const oldGenerationMb = 384

const productionThread = new URL('./engine-thread.js', import.meta.url)

/** Starts the thread; resolves when the engine is open, rejects with what kept it from opening. `threadFile`: what it
 *  runs, another only in the bench. */
export async function startEngine(
  data: EngineThreadData,
  changed: (changes: readonly Change[]) => void,
  threadFile = productionThread,
): Promise<EngineClient> {
  const thread = new Worker(threadFile, {
    workerData: data,
    resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb, maxOldGenerationSizeMb: oldGenerationMb },
  })
  const ended = new Promise<Error>((resolve) => {
    thread.once('error', resolve)
    thread.once('exit', (code) => resolve(new Error(`The engine ended with code ${code}`)))
  })
  const engine = createBirpc<EngineCalls, EngineNews>(
    { changed },
    {
      post: (message) => thread.postMessage(message),
      on: (listener) => thread.on('message', listener),
      timeout: -1,
    },
  )
  let stopped: Unavailable | null = null
  void ended.then((cause) => {
    stopped = new Unavailable('The engine has stopped.', { cause })
    engine.$close(stopped)
  })
  const alive =
    <A extends unknown[], R>(method: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (stopped) throw stopped
      return method(...args)
    }
  const call =
    <A extends unknown[], R>(method: (...args: A) => Promise<Reply<R>>) =>
    async (...args: A): Promise<R> =>
      unwrap(await alive(method)(...args))
  try {
    await call(engine.open)()
  } catch (error) {
    await thread.terminate()
    throw error
  }

  return {
    died: ended,
    accept: acceptor(alive(engine.acceptAll)),
    ...forEachCall<Engine>((name) => call(engine[name] as AnyCall<Reply<unknown>>)),
    async close() {
      await call(engine.close)()
      await ended
    },
  }
}

/** Sends all requests of one turn of the loop in one message. */
function acceptor(acceptAll: EngineCalls['acceptAll']): Engine['accept'] {
  let turn: Waiting[] = []
  let notifications = 0

  return (request) => {
    const count = request.notifications.length
    if (notifications + count > maxWaiting) {
      return Promise.reject(new Unavailable('Too many notifications are being written; try again in a moment.'))
    }
    notifications += count
    return new Promise<Acceptance>((resolve, reject) => {
      if (turn.length === 0) setImmediate(() => void send())
      turn.push({ request, resolve, reject })
    }).finally(() => {
      notifications -= count
    })
  }

  async function send(): Promise<void> {
    const sent = turn
    turn = []
    try {
      const replies = await acceptAll(sent.map(({ request }) => request))
      for (const [index, { resolve, reject }] of sent.entries()) {
        const reply = replies[index]
        if (reply) ack(reply, resolve, reject)
        else reject(new Error('The engine gave no reply'))
      }
    } catch (error) {
      for (const { reject } of sent) reject(error)
    }
  }
}

function ack<T>(reply: Reply<T>, resolve: (value: T) => void, reject: (error: unknown) => void): void {
  try {
    resolve(unwrap(reply))
  } catch (error) {
    reject(error)
  }
}
