import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { brokerAddress } from '../../../testing/logs/kafka/log-under-test.js'
import { disconnect, kafkaClients } from './clients.js'
import { laneFeed } from './lane-feed.js'
import { loadKafka } from './library.js'
import { kafkaNames } from './names.js'
import { type ClientKind, type ClientStatistics, type KafkaObserver, parseStatistics } from './statistics.js'

describe('statistics', () => {
  test('that tell nothing are zeros, and those that are no JSON none', () => {
    expect(parseStatistics('{}')).toEqual({
      queuedMessages: 0,
      queuedBytes: 0,
      fetchedMessages: 0,
      sentBytes: 0,
      receivedBytes: 0,
      failedRequests: 0,
      timedOutRequests: 0,
      brokersUp: [],
      roundTrip: null,
    })
    expect(parseStatistics('{ "name": "a"b" }')).toBeNull()
  })

  test('are added over brokers and partitions; the slowest broker’s round trip counts, and a coordinator is no broker', () => {
    const rtt = (cnt: number, us: number) => ({ cnt, p50: us, p95: 2 * us, p99: 3 * us })
    const told = {
      msg_cnt: 1,
      msg_size: 2,
      tx_bytes: 3,
      rx_bytes: 4,
      brokers: {
        a: { nodeid: 1, source: 'learned', state: 'UP', txerrs: 1, rxerrs: 2, req_timeouts: 3, rtt: rtt(5, 1000) },
        b: { nodeid: 2, source: 'learned', state: 'DOWN', txerrs: 10, rxerrs: 20, req_timeouts: 30, rtt: rtt(0, 9000) },
        c: { nodeid: 3, source: 'configured', state: 'UP', rtt: rtt(5, 2000) },
        GroupCoordinator: { nodeid: 2, source: 'logical', state: 'UP' },
        bootstrap: { nodeid: -1, source: 'configured', state: 'UP' },
      },
      topics: {
        one: { partitions: { 0: { fetchq_cnt: 5 }, 1: { fetchq_cnt: 6 } } },
        two: { partitions: { 0: { fetchq_cnt: 7 } } },
      },
    }
    expect(parseStatistics(JSON.stringify(told))).toEqual({
      queuedMessages: 1,
      queuedBytes: 2,
      fetchedMessages: 18,
      sentBytes: 3,
      receivedBytes: 4,
      failedRequests: 33,
      timedOutRequests: 33,
      brokersUp: [1, 3],
      roundTrip: { p50: 0.002, p95: 0.004, p99: 0.006 },
    })
  })
})

const broker = await brokerAddress()
if (broker.address === null) test.skip(`Kafka's statistics: ${broker.missing}`, () => undefined)
else describeClients(broker.address)

function describeClients(brokers: string): void {
  describe('a client on Kafka', () => {
    const everyMs = 100
    const group = `statistics-${randomBytes(6).toString('hex')}`

    test('tells what it counts while it is there, and then that it is gone', async () => {
      const told = listener()
      const { producer } = kafkaClients(await loadKafka(), { brokers }, told.observer, everyMs)
      const client = await producer({})
      const { kind, statistics } = await told.next(client)
      expect([kind, statistics.sentBytes > 0, statistics.brokersUp]).toEqual(['producer', true, [1]])
      await disconnect(client)
      expect(told.gone).toEqual([client])
    })

    test('of a lane that owns no partition is emptied all the same', async () => {
      const told = listener()
      const { reader } = kafkaClients(await loadKafka(), { brokers }, told.observer, everyMs)
      const client = await reader(group, {}, 'consumer')
      const feed = laneFeed(client, kafkaNames())
      const heard = told.next(client)
      let polling = true
      const polls = (async () => {
        while (polling) {
          await feed.refresh()
          await feed.wait(1000)
        }
      })()
      expect((await heard).kind).toBe('consumer')
      polling = false
      await polls
      await feed.close()
    })

    test('that nobody polls is not asked: it would keep them all', async () => {
      const told = listener()
      const { reader } = kafkaClients(await loadKafka(), { brokers }, told.observer, 20)
      const [asked, silent] = [await reader(group, {}, 'consumer'), await reader(group)]
      const consume = (client: typeof asked) => new Promise((resolve) => client.consume(1, resolve))
      const heard = told.next(asked)
      let unasked = 0
      silent.on('event.stats', () => unasked++)
      let waiting = true
      const polls = (async () => {
        while (waiting) await Promise.all([consume(asked), consume(silent)])
      })()
      await heard
      waiting = false
      await polls
      expect(unasked).toBe(0)
      await Promise.all([disconnect(asked), disconnect(silent)])
    })
  })
}

/** Waits for what a client tells. */
function listener() {
  const gone: object[] = []
  const waiting = new Map<object, (told: { kind: ClientKind; statistics: ClientStatistics }) => void>()
  const observer: KafkaObserver = {
    counted(client, kind, statistics) {
      // The first may come before a broker is connected.
      if (statistics.brokersUp.length > 0) waiting.get(client)?.({ kind, statistics })
    },
    gone: (client) => gone.push(client),
    stateWritten: () => undefined,
  }
  const next = (client: object) =>
    new Promise<{ kind: ClientKind; statistics: ClientStatistics }>((resolve) => waiting.set(client, resolve))
  return { observer, gone, next }
}
