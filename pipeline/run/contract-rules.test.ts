import { expect, it } from 'vitest'
import { sampleRequest } from '../../testing/stages/deliver/delivery-sample.js'
import { loadConfig } from '../config/config.js'
import { channelLimits, paceClass, rateLimits } from './contract-rules.js'

const config = loadConfig({})
const unlimited = { ...config, compat: { ...config.compat, c: { ...config.compat.c, ratePerSecond: null } } }
const origins = ['native', 'kafka', 'a', 'b', 'c']
const deliveries = origins.map((origin) => sampleRequest({ origin }).delivery)

it('counts the code points of contract C’s messages, and has its own rules for all others', () => {
  const own = { sms: { segments: 4 }, email: { characters: 10_000 }, push: { bytes: 4096 } }
  const ofC = { sms: { characters: 160 }, email: { characters: 10_000 }, push: { characters: 4096 } }
  expect(origins.map(channelLimits(config))).toEqual([own, own, own, own, ofC])
})

it('gives contract C’s traffic a pace of its own, where it is limited', () => {
  expect(deliveries.map(paceClass(config))).toEqual([null, null, null, null, 'c'])
  expect(deliveries.map(paceClass(unlimited))).toEqual([null, null, null, null, null])
})

it('limits that pace by channel, beside what a provider and its channel carry in all', () => {
  const byProvider = rateLimits(config)
  expect([
    byProvider('http', 'sms', null),
    byProvider('http', 'sms', 'c'),
    rateLimits(unlimited)('http', 'sms', 'c'),
  ]).toEqual([[], [{ name: 'c sms', ratePerSecond: 100 }], []])
  const [webhook] = config.providers.filter(({ name }) => name === 'webhook')
  if (!webhook) throw new Error('There is no provider for webhooks')
  const slowed = { ...webhook, policy: { ...webhook.policy, ratePerSecond: 50 } }
  const limits = { ...config.limits, ratePerSecond: { ...config.limits.ratePerSecond, webhook: 20, sms: 30 } }
  const limited = rateLimits({ ...config, providers: [slowed], limits })
  expect([
    limited('webhook', 'webhook', null),
    limited('webhook', 'sms', 'c'),
    limited('webhook', 'email', null),
  ]).toEqual([
    [{ name: 'webhook webhook', ratePerSecond: 20 }],
    [
      { name: 'webhook sms', ratePerSecond: 30 },
      { name: 'c sms', ratePerSecond: 100 },
    ],
    [{ name: 'webhook email', ratePerSecond: 50 }],
  ])
})
