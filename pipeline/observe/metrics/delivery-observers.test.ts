import { expect, test } from 'vitest'
import type { ProviderLoad } from '../../../stages/deliver/observer.js'
import type { SendResult } from '../../../stages/deliver/providers/provider.js'
import { samplesOf } from '../../../testing/observe/metrics/samples-under-test.js'
import { deliveryOf } from '../../../testing/stages/throttle/throttle-sample.js'
import { loadConfig } from '../../config/config.js'
import { rateLimits } from '../../run/contract-rules.js'
import { callObserver, deliverObserver, tellPaces } from './delivery-observers.js'
import { createMetrics } from './metrics.js'

const startMs = Date.UTC(2030, 0, 1)

test('each call is told with its outcome, and what the provider took with the time since it was due', async () => {
  const metrics = createMetrics()
  const called = callObserver(metrics)
  const delivery = deliveryOf('a', { acceptedAtMs: startMs, priority: 'high', provider: 'smtp' })
  const call = (result: SendResult) => ({ result, startedMs: startMs + 5000, latencyMs: 500 })
  called(delivery, call({ outcome: 'transient', error: 'down' }))
  called(delivery, call({ outcome: 'sent' }))
  called({ ...delivery, dueAtMs: startMs + 4000 }, call({ outcome: 'delivered' }))
  const provider = (outcome: string) => `{provider="smtp",channel="email",outcome="${outcome}"}`
  expect(await samplesOf(metrics, 'providerSeconds', 'acceptedToProviderSeconds')).toEqual([
    ...['transient', 'sent', 'delivered'].flatMap((outcome) => [
      `carillon_provider_call_duration_seconds_sum${provider(outcome)} 0.5`,
      `carillon_provider_call_duration_seconds_count${provider(outcome)} 1`,
    ]),
    'carillon_accepted_to_provider_seconds_sum{channel="email",priority="high"} 7',
    'carillon_accepted_to_provider_seconds_count{channel="email",priority="high"} 2',
  ])
})

test('what is put back is counted by reason', async () => {
  const metrics = createMetrics()
  const observer = deliverObserver(metrics)
  const delivery = deliveryOf('a', { provider: 'smtp' })
  for (const reason of ['transient', 'transient', 'breaker-open'] as const) observer.putBack(delivery, reason)
  expect(await samplesOf(metrics, 'putBack')).toEqual([
    'carillon_provider_put_back_total{provider="smtp",channel="email",reason="transient"} 2',
    'carillon_provider_put_back_total{provider="smtp",channel="email",reason="breaker-open"} 1',
  ])
})

test('what stands before the providers is asked at each scrape, of the life that runs', async () => {
  const metrics = createMetrics()
  const observer = deliverObserver(metrics)
  const told = () => samplesOf(metrics, 'providerCalling', 'providerWaiting', 'breakers')
  const load = (calling: number): ProviderLoad => ({
    ...{ provider: 'webhook', calling, waiting: 7 },
    breakers: { closed: 3, open: 1, half_open: 0 },
  })
  let calling = 1
  const ended = observer.began(() => [load(calling)])
  const samples = (count: number) => [
    `carillon_provider_calls_in_flight{provider="webhook"} ${count}`,
    'carillon_provider_calls_waiting{provider="webhook"} 7',
    'carillon_provider_breakers{provider="webhook",state="closed"} 3',
    'carillon_provider_breakers{provider="webhook",state="open"} 1',
    'carillon_provider_breakers{provider="webhook",state="half_open"} 0',
  ]
  expect(await told()).toEqual(samples(1))
  calling = 2
  expect(await told()).toEqual(samples(2))
  ended()
  expect(await told()).toEqual([])
  observer.began(() => [load(5)])
  expect(await told()).toEqual(samples(5))
})

test('the pace of a channel is the slower of its own limit and its provider’s, and absent where there is none', async () => {
  const metrics = createMetrics()
  const config = loadConfig({ CARILLON_PROVIDER_URL: 'http://127.0.0.1:9' })
  const ratePerSecond = { ...config.limits.ratePerSecond, sms: 20, push: 90 }
  const providers = config.providers.map((one) =>
    one.name === 'http' ? { ...one, policy: { ...one.policy, ratePerSecond: 50 } } : one,
  )
  const limited = { ...config, providers, limits: { ...config.limits, ratePerSecond } }
  tellPaces(metrics, limited.providerOf, rateLimits(limited))
  const pace = (channel: string, rate: number) =>
    `carillon_provider_pace_per_second{provider="http",channel="${channel}"} ${rate}`
  expect(await samplesOf(metrics, 'providerPace')).toEqual([pace('email', 50), pace('sms', 20), pace('push', 50)])
  const served = createMetrics()
  tellPaces(served, limited.providerOf, rateLimits(limited), ['sms', 'inapp'])
  expect(await samplesOf(served, 'providerPace')).toEqual([pace('sms', 20)])
})
