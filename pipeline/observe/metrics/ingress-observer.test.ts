import { expect, test } from 'vitest'
import { samplesOf } from '../../../testing/observe/metrics/samples-under-test.js'
import { sampleRequest } from '../../../testing/stores/store-under-test.js'
import { ingressObserver } from './ingress-observer.js'
import { createMetrics } from './metrics.js'

test('notifications are counted by contract and priority, requests and watchers as they come and go', async () => {
  const metrics = createMetrics()
  const observer = ingressObserver(metrics)
  const made = [
    ['high', 'c'],
    ['low', 'native'],
    ['low', 'native'],
    ['high', 'c'],
    ['low', ''],
  ] as const
  observer.accepted(made.map(([priority, origin], at) => sampleRequest(`n-${at}`, at, { priority, origin })))
  observer.replayed('b')
  for (const change of [1, 1, -1] as const) observer.requests(change)
  for (const change of [1, 1, -1] as const) observer.watchers('inbox', change)
  observer.watchers('events', 1)
  expect(await samplesOf(metrics, 'accepted', 'replayed', 'activeRequests', 'watchers')).toEqual([
    'carillon_ingress_accepted_total{priority="high",origin="c"} 2',
    'carillon_ingress_accepted_total{priority="low",origin="native"} 3',
    'carillon_ingress_replayed_total{origin="b"} 1',
    'http_server_active_requests 1',
    'carillon_live_watchers{kind="inbox"} 1',
    'carillon_live_watchers{kind="events"} 1',
  ])
})
