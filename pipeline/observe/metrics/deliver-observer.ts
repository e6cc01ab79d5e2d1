/** Counts what deliver does, and what stands before its providers. */
import type { Delivery } from '../../../schemas/events.js'
import { type Channel, channels } from '../../../schemas/topics.js'
import type { Call } from '../../../stages/deliver/classification.js'
import type { DeliverObserver, ProviderLoad } from '../../../stages/deliver/observer.js'
import type { Config } from '../../config/config.js'
import { rateLimits } from '../../run/contract-rules.js'
import type { Metrics } from './metrics.js'

/** Told of every call. */
export function callObserver(metrics: Metrics): (delivery: Delivery, call: Call) => void {
  return ({ provider, channel, priority, acceptedAtMs, dueAtMs }, { result, startedMs, latencyMs }) => {
    const { outcome } = result
    metrics.providerSeconds.observe({ provider, channel, outcome }, latencyMs / 1000)
    if (outcome !== 'sent' && outcome !== 'delivered') return
    const tookMs = Math.max(0, startedMs + latencyMs - (dueAtMs ?? acceptedAtMs))
    metrics.acceptedToProviderSeconds.observe({ channel, priority }, tookMs / 1000)
  }
}

export function deliverObserver(metrics: Metrics): DeliverObserver {
  /** One, but for the moment in which a life follows another. */
  const lives = new Set<() => readonly ProviderLoad[]>()
  const atScrape = (name: 'providerCalling' | 'providerWaiting' | 'breakers', tell: (load: ProviderLoad) => void) =>
    metrics.atScrape(name, () => {
      metrics[name].reset()
      for (const loads of lives) for (const load of loads()) tell(load)
    })
  atScrape('providerCalling', ({ provider, calling }) => metrics.providerCalling.inc({ provider }, calling))
  atScrape('providerWaiting', ({ provider, waiting }) => metrics.providerWaiting.inc({ provider }, waiting))
  atScrape('breakers', ({ provider, breakers }) => {
    for (const [state, count] of Object.entries(breakers)) metrics.breakers.inc({ provider, state }, count)
  })
  return {
    putBack: ({ provider, channel }, reason) => metrics.putBack.inc({ provider, channel, reason }),
    began(loads) {
      lives.add(loads)
      return () => lives.delete(loads)
    },
  }
}

/** Tells how fast providers are allowed to go on the channels that are served here. */
export function tellPaces(metrics: Metrics, config: Config, served: readonly Channel[] = channels): void {
  const limitsOf = rateLimits(config)
  for (const channel of served) {
    const provider = config.providerOf[channel]
    const [limit] = limitsOf(provider, channel, null)
    if (limit) metrics.providerPace.set({ provider, channel }, limit.ratePerSecond)
  }
}
