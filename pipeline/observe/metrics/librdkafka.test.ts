import { beforeEach, expect, test } from 'vitest'
import { type ClientStatistics, type KafkaObserver, statisticsEveryMs } from '../../logs/kafka/statistics.js'
import { kafkaObserver } from './librdkafka.js'
import { createMetrics, type Metrics } from './metrics.js'

let metrics: Metrics
let observer: KafkaObserver
let nowMs: number
beforeEach(() => {
  nowMs = 0
  metrics = createMetrics()
  observer = kafkaObserver(metrics, () => nowMs)
})

const nothing: ClientStatistics = {
  queuedMessages: 0,
  queuedBytes: 0,
  fetchedMessages: 0,
  sentBytes: 0,
  receivedBytes: 0,
  failedRequests: 0,
  timedOutRequests: 0,
  brokersUp: [],
  roundTrip: null,
}

async function values(name: 'clientSentBytes' | 'clientQueued' | 'clientBrokersUp' | 'clientBrokerSeconds') {
  const { values: told } = await metrics[name].get()
  return Object.fromEntries(told.map(({ labels, value }) => [Object.values(labels).join(' '), value]))
}

test('counts of a kind of client are added, and stay when clients go and others come', async () => {
  const [first, second, third] = [{}, {}, {}]
  observer.counted(first, 'producer', { ...nothing, sentBytes: 100 })
  observer.counted(second, 'producer', { ...nothing, sentBytes: 10 })
  observer.counted({}, 'consumer', { ...nothing, sentBytes: 1 })
  observer.counted(first, 'producer', { ...nothing, sentBytes: 150 })
  expect(await values('clientSentBytes')).toEqual({ producer: 160, consumer: 1 })
  observer.gone(first)
  observer.counted(third, 'producer', { ...nothing, sentBytes: 5 })
  expect(await values('clientSentBytes')).toEqual({ producer: 165, consumer: 1 })
})

test('a count that becomes less, for a broker was forgotten, takes nothing away', async () => {
  const client = {}
  for (const sentBytes of [100, 40, 50]) observer.counted(client, 'producer', { ...nothing, sentBytes })
  expect(await values('clientSentBytes')).toEqual({ producer: 110 })
})

test('what waits is that of the clients that are there', async () => {
  const [first, second] = [{}, {}]
  observer.counted(first, 'producer', { ...nothing, queuedMessages: 3, brokersUp: [1, 2] })
  observer.counted(second, 'producer', { ...nothing, queuedMessages: 4, brokersUp: [2, 3] })
  expect([await values('clientQueued'), await values('clientBrokersUp')]).toEqual([{ producer: 7 }, { producer: 3 }])
  observer.gone(first)
  expect([await values('clientQueued'), await values('clientBrokersUp')]).toEqual([{ producer: 4 }, { producer: 2 }])
})

test('a client that is silent for long counts no more', async () => {
  observer.counted({}, 'producer', { ...nothing, queuedMessages: 3 })
  nowMs = 4 * statisticsEveryMs + 1
  observer.counted({}, 'producer', { ...nothing, queuedMessages: 4 })
  expect(await values('clientQueued')).toEqual({ producer: 4 })
})

test('round trips are those of the slowest client, and none where no client made any', async () => {
  const [first, second] = [{}, {}]
  observer.counted(first, 'producer', { ...nothing, roundTrip: { p50: 0.001, p95: 0.002, p99: 0.5 } })
  observer.counted(second, 'producer', { ...nothing, roundTrip: { p50: 0.01, p95: 0.02, p99: 0.03 } })
  expect(await values('clientBrokerSeconds')).toEqual({
    'producer 0.5': 0.01,
    'producer 0.95': 0.02,
    'producer 0.99': 0.5,
  })
  observer.gone(first)
  observer.counted(second, 'producer', nothing)
  expect(await values('clientBrokerSeconds')).toEqual({})
})

test('when all clients are silent the page shows no connection, and their counts go on from where they were', async () => {
  const client = {}
  observer.counted(client, 'consumer', { ...nothing, sentBytes: 100, brokersUp: [1] })
  nowMs = 4 * statisticsEveryMs + 1
  expect(await metrics.text()).toContain('rdkafka_brokers_up{client="consumer"} 0')
  observer.counted(client, 'consumer', { ...nothing, sentBytes: 130, brokersUp: [1] })
  expect([await values('clientSentBytes'), await values('clientBrokersUp')]).toEqual([
    { consumer: 130 },
    { consumer: 1 },
  ])
})
