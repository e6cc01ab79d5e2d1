import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { topicsOf } from '../../../schemas/streams.js'
import { brokerAddress } from '../../../testing/logs/kafka/log-under-test.js'
import { kafkaNames } from './names.js'
import { compareTopics, ensureTopics } from './topic-admin.js'
import { type TopicSettings, wantedTopics } from './topics.js'

const settings: TopicSettings = {
  partitions: 3,
  replicationFactor: 1,
  minInSyncReplicas: 1,
  deleteRetentionMs: 3_600_000,
}
const topics = topicsOf('notifications.requested')

function wanted(prefix: string, more: Partial<TopicSettings> = {}) {
  return wantedTopics(kafkaNames(prefix), { ...settings, ...more }, topics, [{ group: 'dedupe', topics }])
}

test('every way, and for every group its changelogs and its progress, is wanted', () => {
  const found = wanted('x.').map(({ name, partitions, config }) => [name, partitions, config['cleanup.policy']])
  expect(found).toEqual([
    ['x.notifications.requested.high', 3, 'delete'],
    ['x.notifications.requested.normal', 3, 'delete'],
    ['x.notifications.requested.low', 3, 'delete'],
    ['x.changelog.dedupe.high', 3, 'compact'],
    ['x.changelog.dedupe.normal', 3, 'compact'],
    ['x.changelog.dedupe.low', 3, 'compact'],
    ['x.progress.dedupe', 1, 'compact'],
  ])
})

const broker = await brokerAddress()
if (broker.address === null) test.skip(`topics on Kafka: ${broker.missing}`, () => undefined)
else describeTopics(broker.address)

function describeTopics(address: string): void {
  const connection = { brokers: address }
  const firstDelivery = () => `t${randomBytes(4).toString('hex')}.`

  test('topics that are missing are told, then created as they are wanted, once', async () => {
    const topics = wanted(firstDelivery())
    const names = topics.map(({ name }) => name)
    const missing = names.map((topic) => ({ topic, what: 'missing', wanted: 'a topic', found: 'none', fatal: true }))
    expect(await compareTopics(connection, topics)).toEqual(missing)
    expect(await ensureTopics(connection, topics, 1)).toEqual({ created: names, differences: [] })
    expect(await ensureTopics(connection, topics, 1)).toEqual({ created: [], differences: [] })
  })

  test('what differs is told, and nothing that exists is changed', async () => {
    const prefix = firstDelivery()
    const [first] = wanted(prefix)
    const name = first?.name ?? ''
    const other = {
      ...first,
      name,
      partitions: 2,
      config: { ...first?.config, 'retention.ms': '1000', 'cleanup.policy': 'compact' },
    }
    await ensureTopics(connection, [other], 1)
    const { created, differences } = await ensureTopics(connection, wanted(prefix), 1)
    expect([created.length, differences]).toEqual([
      6,
      [
        { topic: name, what: 'partitions', wanted: '3', found: '2', fatal: true },
        { topic: name, what: 'cleanup.policy', wanted: 'delete', found: 'compact', fatal: true },
        { topic: name, what: 'retention.ms', wanted: '604800000', found: '1000', fatal: false },
      ],
    ])
  })
}
