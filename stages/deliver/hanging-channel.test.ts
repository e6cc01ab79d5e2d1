/** One provider for several channels: when one of them hangs, the others go on as usual. */
import { afterEach, expect, test, vi } from 'vitest'
import { routed } from '../../schemas/outgoing.js'
import { runDeliver, type SeenCall, sent } from '../../testing/stages/deliver/deliver-sample.js'
import { deliveryOf } from '../../testing/stages/throttle/throttle-sample.js'
import type { SendRequest, SendResult } from './providers/provider.js'

afterEach(() => {
  vi.restoreAllMocks()
})

const answerMs = 30
const everyMs = 20

/** A provider whose SMS are never answered once `hangs` is set. */
function oneProvider() {
  const state = { hangs: false }
  const answer = ({ delivery }: SendRequest) =>
    new Promise<SendResult>((resolve) => {
      if (delivery.channel === 'sms' && state.hangs) return
      run.clock.scheduler.schedule(() => resolve(sent), answerMs)
    })
  const http = {
    answer,
    policy: { concurrency: 32 },
    destination: ({ channel }: { channel: string }) => channel,
    parts: 3,
  }
  const run = runDeliver({ http }, { withThrottle: true })
  return { run, state }
}

const sms = (count: number, prefix: string) =>
  Array.from({ length: count }, (_, index) =>
    routed(deliveryOf(`${prefix}-${index}`, { channel: 'sms', provider: 'http' })),
  )

test('e-mail is called at its usual time while SMS hang with thousands waiting', async () => {
  const { run, state } = oneProvider()
  await run.append(...sms(200, 'well'))
  await run.advance(1000)
  state.hangs = true
  await run.append(...sms(3000, 'stuck'))
  await run.advance(500)
  const asked = new Map<string, number>()
  for (let number = 0; number < 1000; number++) {
    asked.set(`mail-${number}`, run.afterMs())
    await run.append(routed(deliveryOf(`mail-${number}`, { provider: 'http' })))
    await run.advance(everyMs)
  }
  const waited = ({ key, afterMs }: SeenCall) => afterMs - (asked.get(key) ?? Number.NaN)
  const waits = run.calls.filter(({ key }) => asked.has(key)).map(waited)
  expect([waits.length, Math.max(...waits)]).toEqual([1000, 0])
  expect(run.calls.filter(({ key }) => key.startsWith('stuck')).length).toBeLessThan(32)
})
