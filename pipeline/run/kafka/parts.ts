/** What only some stages need: the shared store, providers, the renderer. Each is loaded and opened when it is asked for
 *  first, for a stage that is killed should be back soon, and their libraries take longer to load than everything else. */
import type { ProviderBinding } from '../../../stages/deliver/providers/provider.js'
import type { Config } from '../../config/config.js'
import type { Logger } from '../../observe/logging/logging.js'
import type { Metrics } from '../../observe/metrics/metrics.js'
import type { RendererPool } from '../../rendering/pool.js'
import { logKept } from '../log-lines.js'
import type { SharedStores } from './stores.js'

export interface Parts {
  stores(): Promise<SharedStores>
  bindings(): Promise<ReadonlyMap<string, ProviderBinding>>
  renderer(): Promise<RendererPool>
  /** Closes what was opened. */
  close(): Promise<void>
}

/** `given`: carriers in the place of the configured ones. */
export function openParts(
  config: Config,
  logger: Logger,
  nowMs: () => number,
  metrics: Metrics,
  given: ReadonlyMap<string, ProviderBinding> | undefined,
): Parts {
  const stores = once(async () => (await import('./stores.js')).openSharedStores(config, nowMs, metrics))
  const bindings = once(async () => given ?? makeBindings())
  const renderer = once(makeRenderer)

  return {
    stores: stores.get,
    bindings: bindings.get,
    renderer: renderer.get,
    async close() {
      const providers = [...((await bindings.made())?.values() ?? [])]
      await Promise.all(providers.map(({ provider }) => provider.close()))
      await (await renderer.made())?.close()
      await (await stores.made())?.close()
    },
  }

  async function makeBindings(): Promise<ReadonlyMap<string, ProviderBinding>> {
    const { createBindings } = await import('../provider-bindings.js')
    const { inbox, outbox } = await stores.get()
    return createBindings(config.providers, {
      inbox,
      outbox,
      nowMs,
      announce: logKept(logger),
    })
  }

  async function makeRenderer(): Promise<RendererPool> {
    const { createRenderer } = await import('../../rendering/pool.js')
    const { workers: threads, outputBytes, timeLimitMs: aloneJobMs } = config.rendering
    return createRenderer({ threads, outputBytes, times: { aloneJobMs } })
  }
}

function once<T>(make: () => Promise<T>) {
  let made: Promise<T> | undefined
  return {
    get(): Promise<T> {
      made ??= make()
      return made
    },
    /** Undefined where it was not asked for, or could not be made. */
    made: () => made?.catch(() => undefined),
  }
}
