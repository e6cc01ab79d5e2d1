import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../config/config.js'
import { inputs, topology } from '../../engine/topology.js'
import { carillonTopics } from './topics.js'

const { kafka } = loadConfig({ CARILLON_LOG: 'kafka://a:9092' })
const all = kafka ? carillonTopics(kafka) : []

describe('the topics of a whole Carillon', () => {
  test('are every topic of a stream, for every group its progress, and for one with state a changelog for each lane', () => {
    const topics = topology().topics.flatMap(({ ways }) => ways)
    const lanes = ['high', 'normal', 'low']
    expect(all.map(({ name }) => name)).toEqual([
      ...topics,
      ...['dedupe', 'throttle', 'deliver'].flatMap((group) => lanes.map((lane) => `changelog.${group}.${lane}`)),
      'changelog.dead-letters.normal',
      ...Object.keys(inputs).map((group) => `progress.${group}`),
    ])
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
  })

  test('have one partition count, but for progress', () => {
    const counts = all.map(({ name, partitions }) => [name.startsWith('progress.'), partitions].join())
    expect([...new Set(counts)].sort()).toEqual(['false,8', 'true,1'])
  })

  test('follow the configuration', () => {
    const own = {
      ...{ prefix: 'b.', partitions: 2, minInSyncReplicas: 2, deleteRetentionMs: 1 },
      ...{ retentionMs: 2, deadLettersRetentionMs: 3 },
    }
    const topics = new Map(kafka ? carillonTopics({ ...kafka, ...own }).map((topic) => [topic.name, topic]) : [])
    const common = {
      'min.insync.replicas': '2',
      'max.message.bytes': '4194304',
      'message.timestamp.after.max.ms': '9223372036854775807',
    }
    const compacted = { ...common, 'cleanup.policy': 'compact', 'delete.retention.ms': '1' }
    const deleted = { ...common, 'cleanup.policy': 'delete' }
    expect(topics.get('b.notifications.requested.high')).toEqual({
      ...{ name: 'b.notifications.requested.high', partitions: 2, config: { ...deleted, 'retention.ms': '2' } },
    })
    expect(topics.get('b.dead-letters')?.config).toEqual({ ...deleted, 'retention.ms': '3' })
    expect(topics.get('b.providers.health')?.config).toEqual(compacted)
    expect(topics.get('b.changelog.deliver.low')).toMatchObject({ partitions: 2, config: compacted })
  })
})

test('every worker of the topology reads what it reads here', () => {
  const told = topology().stages.flatMap(({ name, input }) => (name in inputs ? [[name, input]] : []))
  expect(told.length).toBeGreaterThan(5)
  expect(told).toEqual(told.map(([name]) => [name, inputs[name as keyof typeof inputs]]))
})
