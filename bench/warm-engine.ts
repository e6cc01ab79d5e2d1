/** Warms a thread up: an engine of its own, on a file of its own, takes some notifications all the way through, so that
 *  what is measured afterwards runs compiled. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Config } from '../pipeline/config/config.js'
import { openEngine } from '../pipeline/run/embedded/engine.js'
import { monotonicMs } from './monotonic-clock.js'
import { makeNotifications, orderShipped } from './notifications.js'
import { createStub } from './stub-provider.js'

const batch = 1000
const lookEveryMs = 20
/** Far more than it takes. */
const mostMs = 60_000

export async function warmUpEngine(config: Config, databaseFile: string, count: number): Promise<void> {
  const stub = createStub()
  const engine = await openEngine(config, databaseFile, {
    changed: () => undefined,
    crashed: () => undefined,
    kept: () => undefined,
    bindings: stub.bindings(config.providers),
  })
  await engine.putTemplate('default', orderShipped, 0)
  for (let sent = 0; sent < count; sent += batch) {
    await engine.accept({ notifications: makeNotifications(sent, Math.min(batch, count - sent)), claim: null })
  }
  const startedMs = monotonicMs()
  while (stub.sent() < count) {
    if (monotonicMs() - startedMs > mostMs) throw new Error(`Of ${count} notifications ${stub.sent()} warmed it up`)
    await delay(lookEveryMs)
  }
  // It drains: what was sent is recorded too.
  await engine.close()
}
