import { describe, expect, test } from 'vitest'
import { streamNames } from '../../schemas/streams.js'
import { stageNames } from '../../stages/stage.js'
import { type Topology, topology, topologyMermaid, topologyText } from './topology.js'

describe('the topology', () => {
  test('has the ingress, intake and every stage in the order of the flow, each its own group', () => {
    const groups = topology().stages.map(({ name, group }) => [name, group])
    expect(groups).toEqual([['ingress', null], ...['intake', ...stageNames].map((name) => [name, name])])
  })

  test('leaves no topic unwritten but what upstreams write, and none but the dead letters unread', () => {
    const { stages, topics } = topology()
    const written = new Set(stages.flatMap(({ outputs }) => outputs))
    const read = new Set(stages.flatMap(({ input, alsoReads }) => (input === null ? alsoReads : [input, ...alsoReads])))
    expect(topics.map(({ name }) => name)).toEqual(streamNames())
    expect(streamNames().filter((name) => !written.has(name))).toEqual(['notifications.inbound'])
    expect(streamNames().filter((name) => !read.has(name))).toEqual(['dead-letters'])
  })

  test('describes a topic with its ways, high first', () => {
    expect(topology().topics.find(({ name }) => name === 'notifications.requested')).toEqual({
      name: 'notifications.requested',
      events: ['notification-requested', 'cancel-requested'],
      key: 'recipient',
      lanes: ['high', 'normal', 'low'],
      ways: ['notifications.requested.high', 'notifications.requested.normal', 'notifications.requested.low'],
      compacted: false,
      retentionMs: 604_800_000,
    })
  })
})

const small: Topology = {
  stages: [
    {
      ...{ name: 'throttle', group: 'throttle', input: 'deliveries.routed', alsoReads: ['providers.health'] },
      ...{ outputs: ['deliveries.released', 'dead-letters'], writesTo: null, does: 'waits' },
    },
    {
      ...{ name: 'record', group: 'record', input: 'notifications.status', alsoReads: [], outputs: [] },
      ...{ writesTo: 'the record store', does: 'merges' },
    },
  ],
  topics: [
    {
      ...{ name: 'notifications.status', events: ['notification-status'], key: 'notification', lanes: [] },
      ...{ ways: ['notifications.status'], compacted: false, retentionMs: 1 },
    },
  ],
}

test('as text it reads from stage to stage, then topic by topic', () => {
  expect(topologyText(small)).toBe(`throttle: waits
  reads   deliveries.routed, providers.health
  writes  deliveries.released, dead-letters
record: merges
  reads   notifications.status
  writes  the record store

notifications.status
  key notification, 1 way
  notification-status
`)
})

test('as Mermaid it is a flowchart without the dead letters', () => {
  expect(topologyMermaid(small)).toBe(`flowchart LR
  notifications_status[/"notifications.status"/]
  throttle["throttle"]
  record["record"]
  records[("record store")]
  deliveries_routed --> throttle
  providers_health -.-> throttle
  throttle --> deliveries_released
  notifications_status --> record
  record --> records
`)
})
