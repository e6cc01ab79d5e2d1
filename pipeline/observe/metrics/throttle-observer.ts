/** Counts what throttle decides, and what it holds back. */
import type { ThrottleObserver } from '../../../stages/throttle/observer.js'
import type { Parked } from '../../run/parked.js'
import type { Metrics } from './metrics.js'

/** `parked` is asked at each scrape. */
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
