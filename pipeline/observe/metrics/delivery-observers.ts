/** Counts what throttle, deliver and record tell of deliveries, and what stands before the providers. */
import type { Delivery } from '../../../schemas/events.js'
import { type Channel, channels } from '../../../schemas/streams.js'
import type { Call } from '../../../stages/deliver/classification.js'
import type { DeliverObserver, ProviderLoad } from '../../../stages/deliver/observer.js'
import type { EndObserver } from '../../../stages/record/ends.js'
import type { LimitsOf } from '../../../stages/shared-limits.js'
import type { ThrottleObserver } from '../../../stages/throttle/observer.js'
import type { Config } from '../../config/config.js'
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
export function tellPaces(
  metrics: Metrics,
  providerOf: Config['providerOf'],
  limitsOf: LimitsOf,
  served: readonly Channel[] = channels,
): void {
  for (const channel of served) {
    const provider = providerOf[channel]
    const [limit] = limitsOf(provider, channel, null)
    if (limit) metrics.providerPace.set({ provider, channel }, limit.ratePerSecond)
  }
}

/** Deliveries by what they wait for. */
export interface Parked {
  readonly time: number
  /** Their limit, its credit, or their provider. */
  readonly destination: number
}

/** Counts what throttle decides, and what it holds back. `parked` is asked at each scrape. */
export function throttleObserver(metrics: Metrics, parked: () => Parked): ThrottleObserver {
  metrics.atScrape('parked', () => {
    const { time, destination } = parked()
    metrics.parked.set({ until: 'time' }, time)
    metrics.parked.set({ until: 'destination' }, destination)
  })
  return {
    released: ({ channel, priority }, waitedMs) => metrics.waitSeconds.observe({ channel, priority }, waitedMs / 1000),
    parked: ({ channel }, reason) => metrics.parkings.inc({ channel, reason }),
  }
}

/** Observes how long deliveries took, to their end. */
export function endObserver({ acceptedToRecordedSeconds }: Metrics): EndObserver {
  return ({ priority, status, tookMs }) => acceptedToRecordedSeconds.observe({ priority, status }, tookMs / 1000)
}
