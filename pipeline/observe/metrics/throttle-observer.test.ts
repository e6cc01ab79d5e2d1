import { expect, test } from 'vitest'
import { samplesOf } from '../../../testing/observe/metrics/samples-under-test.js'
import { deliveryOf } from '../../../testing/stages/throttle/throttle-sample.js'
import { throttleObserver } from './delivery-observers.js'
import { createMetrics } from './metrics.js'

test('what waits is asked at each scrape; what was put aside and released is counted', async () => {
  const metrics = createMetrics()
  let parked = { time: 2, destination: 0 }
  const observer = throttleObserver(metrics, () => parked)
  const told = () => samplesOf(metrics, 'parked')
  expect(await told()).toEqual([
    'carillon_throttle_parked{until="time"} 2',
    'carillon_throttle_parked{until="destination"} 0',
  ])
  parked = { time: 0, destination: 9 }
  expect(await told()).toEqual([
    'carillon_throttle_parked{until="time"} 0',
    'carillon_throttle_parked{until="destination"} 9',
  ])
  const delivery = deliveryOf('a', { priority: 'low' })
  observer.parked(delivery, 'limit')
  observer.parked(delivery, 'limit')
  observer.parked(delivery, 'retry')
  observer.released(delivery, 1500)
  expect(await samplesOf(metrics, 'parkings', 'waitSeconds')).toEqual([
    'carillon_throttle_parked_total{channel="email",reason="limit"} 2',
    'carillon_throttle_parked_total{channel="email",reason="retry"} 1',
    'carillon_throttle_wait_seconds_sum{channel="email",priority="low"} 1.5',
    'carillon_throttle_wait_seconds_count{channel="email",priority="low"} 1',
  ])
})
