/** A Carillon to be measured: the engine in a thread of its own, as `carillon start` has it, with a stub provider. */
import { join } from 'node:path'
import { BroadcastChannel } from 'node:worker_threads'
import { type BirpcReturn, createBirpc } from 'birpc'
import { v7 as uuid } from 'uuid'
import { loadConfig } from '../pipeline/config/config.js'
import { type EngineClient, startEngine } from '../pipeline/run/embedded/engine-client.js'
import { orderShipped } from './notifications.js'
import type { StubCalls, StubThreadData } from './stub-calls.js'

export interface StubEngine {
  readonly databaseFile: string
  readonly engine: EngineClient
  /** The stages stand still until `begin` is called. */
  readonly stub: BirpcReturn<StubCalls, Record<string, never>>
  close(): Promise<void>
}

export interface StubEngineOptions {
  /** So many notifications go through another engine in the same thread first; none unless said. */
  readonly warmUp?: number
  /** A file for a profile of the thread. */
  readonly profile?: string | undefined
}

/** Opens an engine on an empty folder, with the template that `makeNotifications` names. */
export async function openStubEngine(folder: string, options: StubEngineOptions = {}): Promise<StubEngine> {
  const { warmUp = 0, profile = null } = options
  const databaseFile = join(folder, 'carillon.db')
  const name = `carillon-bench-${uuid()}`
  const channel = new BroadcastChannel(name)
  const stub = createBirpc<StubCalls, Record<string, never>>(
    {},
    {
      post: (message) => channel.postMessage(message),
      on: (listener) => {
        channel.onmessage = (event) => listener((event as MessageEvent).data)
      },
      timeout: -1,
    },
  )
  const data: StubThreadData = { config: configOf(folder), databaseFile, channel: name, warmUp, profile }
  const thread = new URL('./stub-engine-thread.js', import.meta.url)
  const engine = await startEngine(data, () => undefined, thread)
  // What is asked of a thread that died would else wait for ever.
  void engine.died.then((error) => stub.$close(error))
  channel.unref()
  await engine.putTemplate('default', orderShipped, 0)
  return {
    databaseFile,
    engine,
    stub,
    async close() {
      // What has not begun cannot end.
      await stub.begin()
      await engine.close()
      channel.close()
    },
  }
}

/** Production's defaults, with an HTTP provider whose place the stub takes. The log is kept whole, to be counted. */
function configOf(folder: string): StubThreadData['config'] {
  const config = loadConfig({
    CARILLON_DATA: folder,
    CARILLON_LOG_LEVEL: 'error',
    CARILLON_PROVIDER_URL: 'http://127.0.0.1:9',
  })
  return { ...config, retention: { ...config.retention, logBytes: Number.MAX_SAFE_INTEGER } }
}
