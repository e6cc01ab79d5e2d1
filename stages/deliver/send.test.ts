import { expect, test } from 'vitest'
import { virtualClock } from '../../pipeline/logs/memory/clock.js'
import { sampleRequest } from '../../testing/stages/deliver/delivery-sample.js'
import type { InputRecord } from '../stage.js'
import { type CallTracer, untraced } from './call-tracer.js'
import type { SendRequest, SendResult } from './providers/provider.js'
import { send } from './send.js'

const clock = virtualClock(0)
const policy = { ratePerSecond: null, concurrency: 1, timeoutMs: 1000, onUnknown: 'resend' } as const

const record: InputRecord<'delivery-released'> = {
  event: 'delivery-released',
  value: { delivery: sampleRequest({ traceparent: 'came-with-it' }).delivery, releasedAtMs: 0 },
  ...{ recordId: 'r-0', scope: { lane: 'normal', partition: 0 }, timestampMs: 0, headers: {}, firstDelivery: true },
}

/** One call by a provider that does what it is told; what it was asked, and what who follows it is told. */
async function call(answer: () => Promise<SendResult>) {
  const asked: SendRequest[] = []
  const told: unknown[] = []
  const provider = {
    name: 'test',
    send: (request: SendRequest) => {
      asked.push(request)
      return answer()
    },
    destination: () => null,
    close: async () => undefined,
  }
  const follow: CallTracer = {
    call(followed) {
      told.push(followed === record)
      return { traceparent: 'of-the-call', ended: (result) => void told.push(result.outcome) }
    },
    after: () => null,
  }
  const result = send(record, { provider, policy }, clock.scheduler, follow)
  await clock.advance(1000)
  return { asked, told, outcome: (await result).outcome }
}

test('a call is followed from before it is made, and goes out in its own trace context', async () => {
  const { asked, ...came } = await call(async () => ({ outcome: 'delivered' }))
  expect([asked.map(({ traceparent, attempt }) => [traceparent, attempt]), came]).toEqual([
    [['of-the-call', 1]],
    { told: [true, 'delivered'], outcome: 'delivered' },
  ])
})

test.each([
  ['that is not answered', () => new Promise<SendResult>(() => undefined)],
  ['that is rejected', () => Promise.reject(new Error('no'))],
  [
    'that throws',
    () => {
      throw new Error('no')
    },
  ],
])('a call %s is told of once, as one that failed', async (_, answer) => {
  const { asked, ...came } = await call(answer)
  expect([asked.length, came]).toEqual([1, { told: [true, 'transient'], outcome: 'transient' }])
})

test('where nothing follows calls, what the delivery came with goes out', () => {
  expect([untraced.call(record).traceparent, untraced.after(record)]).toEqual(['came-with-it', 'came-with-it'])
})
