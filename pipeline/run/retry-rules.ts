/** When each delivery is tried again: by its channel, in whose place its provider's, its priority's or its request's own
 *  rules may stand; contracts B and C keep theirs. */
import type { Delivery } from '../../schemas/events.js'
import type { Channel } from '../../schemas/streams.js'
import type { RetrySchedule } from '../../stages/deliver/retry-schedule.js'
import type { Config } from '../config/config.js'

const second = 1000
const minute = 60 * second
const hour = 60 * minute

/** Contract B took up what was not delivered every 10 s, until it was. */
const contractB: RetrySchedule = {
  kind: 'waits',
  waitsMs: [10 * second, 30 * second, 2 * minute, 10 * minute],
  giveUpAfterMs: 3 * hour,
}

/** Contract C's calls after the first. */
const retriesOfC = { high: 5, normal: 3, low: 2 } as const

export type RetryRules = Pick<Config, 'retry' | 'providers'>

export function retryRules(config: RetryRules): (delivery: Delivery) => RetrySchedule {
  const known = new Map<string, RetrySchedule>()
  return (delivery) => {
    const { provider, channel, priority, origin, retry } = delivery
    if (origin === 'b') return contractB
    const key = `${provider} ${channel} ${priority} ${origin === 'c'}`
    let usual = known.get(key)
    if (!usual) {
      usual = origin === 'c' ? contractC(delivery, config) : configured(delivery, config)
      known.set(key, usual)
    }
    if (retry === null || usual.kind === 'counted') return usual
    const { scheduleMs, giveUpAfterMs } = retry
    return { ...usual, waitsMs: scheduleMs ?? usual.waitsMs, giveUpAfterMs: giveUpAfterMs ?? usual.giveUpAfterMs }
  }
}

/** How long after its first call any delivery may be called again, at most: so long cancels and outcomes are remembered. */
export function longestRetryMs({ retry, providers }: RetryRules): number {
  return Math.max(
    contractB.giveUpAfterMs,
    retry.requests.maxGiveUpAfterMs,
    ...Object.values(retry.byChannel).map(({ giveUpAfterMs }) => giveUpAfterMs),
    ...providers.map((provider) => provider.retry?.giveUpAfterMs ?? 0),
  )
}

function configured({ provider, channel, priority }: Delivery, { retry, providers }: RetryRules): RetrySchedule {
  const own = providers.find(({ name }) => name === provider)?.retry
  const { scheduleMs, giveUpAfterMs } = { ...retry.byChannel[channel as Channel], ...own }
  return { kind: 'waits', waitsMs: [...retry.firstMs[priority], ...scheduleMs], giveUpAfterMs }
}

function contractC({ priority, channel }: Delivery, { retry }: RetryRules): RetrySchedule {
  const { baseMs, maxMs, byChannel } = retry
  const { giveUpAfterMs } = byChannel[channel as Channel]
  return { kind: 'counted', retries: retriesOfC[priority], baseMs, maxMs, giveUpAfterMs }
}
