import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { topicOf } from '../../../schemas/streams.js'
import { startBroker } from '../../../testing/logs/kafka/broker-under-test.js'
import { lagUnderTest } from '../../../testing/logs/kafka/lag-reader-under-test.js'
import { brokerAddress } from '../../../testing/logs/kafka/log-under-test.js'
import { measureLag, roundProblems } from '../../observe/lag/measured.js'
import { createMetrics } from '../../observe/metrics/metrics.js'

/** The compiled test stands in dist/pipeline/logs/kafka. */
const root = join(import.meta.dirname, '..', '..', '..', '..')
const shared = await brokerAddress()
const patience = { timeout: 150_000, interval: 50 }

describe.skipIf(shared.address === null || process.env.CARILLON_TEST_KAFKA !== undefined)('a broker that goes', () => {
  test('fails rounds until it is back; what was seen before it went is not shown for long', async () => {
    const broker = await startBroker(root)
    const opened = await lagUnderTest(broker.address)
    const topic = topicOf('notifications.rendered', 'high', null)
    await opened.write(topic, [opened.nowMs])
    const metrics = createMetrics()
    const logged: string[] = []
    const logger = { warn: (line: string) => logged.push(line), info: (line: string) => logged.push(line) }
    const rounds = measureLag({ reader: opened.reader, everyMs: 100, metrics, logger })
    const shown = async () => (await metrics.groupSumLag.get()).values.filter(({ value }) => value > 0)
    const failures = async () => (await metrics.lagRoundFailures.get()).values[0]?.value ?? 0
    const route = { value: 2, labels: { cluster_name: opened.prefix.slice(0, -1), stage: 'route' } }
    try {
      await vi.waitUntil(async () => (await shown()).length > 0, patience)
      expect(await shown()).toMatchObject([route])
      const restarted = broker.restart('SIGKILL')
      await vi.waitUntil(async () => (await failures()) > 2, patience)
      expect([await shown(), rounds.latest()]).toEqual([[], null])
      expect(roundProblems(rounds)).toEqual([expect.stringMatching(/^The lag cannot be told: /)])
      await restarted
      await vi.waitUntil(async () => rounds.latest() !== null, patience)
      expect(await shown()).toMatchObject([route])
      expect([roundProblems(rounds), logged]).toEqual([
        [],
        ['The lag cannot be told; it is tried again', 'The lag can be told again'],
      ])
    } finally {
      await rounds.stop()
      await opened.close()
      await broker.stop()
    }
  })
})
