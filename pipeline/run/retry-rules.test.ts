import { describe, expect, test } from 'vitest'
import type { Delivery } from '../../schemas/events.js'
import { sampleRequest } from '../../testing/stages/deliver/delivery-sample.js'
import { loadConfig } from '../config/config.js'
import type { ProviderConfig } from '../config/providers.js'
import { longestRetryMs, retryRules } from './retry-rules.js'

const config = loadConfig({})
const [second, minute, hour] = [1000, 60_000, 3_600_000]

function scheduleOf(changes: Partial<Omit<Delivery, 'message'>>, providers = config.providers) {
  return retryRules({ ...config, providers })(sampleRequest(changes).delivery)
}

const sms = { channel: 'sms', provider: 'gateway' }
const waits = [2 * second, 10 * second, 30 * second, 2 * minute, 10 * minute, 30 * minute, hour]
const gateway = (retry: NonNullable<ProviderConfig['retry']>) =>
  config.providers.map((provider) => ({ ...provider, name: 'gateway', retry }))

describe('a delivery is tried again', () => {
  test('as its channel says', () => {
    expect(scheduleOf(sms)).toEqual({ kind: 'waits', waitsMs: waits, giveUpAfterMs: 4 * hour })
  })

  test('sooner at first, where its priority is high', () => {
    const first = [second, 2 * second, 5 * second, 15 * second]
    expect(scheduleOf({ ...sms, priority: 'high' })).toMatchObject({ waitsMs: [...first, ...waits] })
  })

  test('as its provider says in place of the channel', () => {
    expect(scheduleOf(sms, gateway({ giveUpAfterMs: minute }))).toMatchObject({ waitsMs: waits, giveUpAfterMs: minute })
    expect(scheduleOf(sms, gateway({ scheduleMs: [5] }))).toMatchObject({ waitsMs: [5], giveUpAfterMs: 4 * hour })
  })

  test('as its request says in place of all others', () => {
    const retry = { scheduleMs: [7000], giveUpAfterMs: 9000 }
    const own = scheduleOf({ ...sms, priority: 'high', retry }, gateway({ scheduleMs: [5] }))
    expect(own).toEqual({ kind: 'waits', waitsMs: [7000], giveUpAfterMs: 9000 })
    const ends = scheduleOf({ ...sms, retry: { scheduleMs: null, giveUpAfterMs: 9000 } })
    expect(ends).toEqual({ kind: 'waits', waitsMs: waits, giveUpAfterMs: 9000 })
  })

  test('for three hours by contract B', () => {
    const waitsMs = [10 * second, 30 * second, 2 * minute, 10 * minute]
    expect(scheduleOf({ ...sms, origin: 'b' })).toEqual({ kind: 'waits', waitsMs, giveUpAfterMs: 3 * hour })
  })

  test('5, 3 or 2 times by contract C', () => {
    const schedules = (['high', 'normal', 'low'] as const).map((priority) =>
      scheduleOf({ ...sms, priority, origin: 'c' }),
    )
    expect(schedules).toEqual(
      [5, 3, 2].map((retries) => ({ kind: 'counted', retries, baseMs: 1000, maxMs: 300_000, giveUpAfterMs: 4 * hour })),
    )
  })
})

test('the longest of all is what a request may ask for, unless the operator is more patient', () => {
  const email = { scheduleMs: [hour], giveUpAfterMs: 20 * 24 * hour }
  const patient = { ...config, retry: { ...config.retry, byChannel: { ...config.retry.byChannel, email } } }
  expect([longestRetryMs(config), longestRetryMs(patient)]).toEqual([7 * 24 * hour, 20 * 24 * hour])
})
