import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { Unavailable } from '../../../schemas/errors.js'
import { topicOf } from '../../../schemas/streams.js'
import { type LagUnderTest, lagUnderTest } from '../../../testing/logs/kafka/lag-reader-under-test.js'
import { brokerAddress } from '../../../testing/logs/kafka/log-under-test.js'
import type { LagReading } from '../../engine/lag-reading.js'
import { workerNames } from '../../engine/topology.js'
import { lagTrend } from '../../observe/lag/lag-trend.js'
import { kafkaLagReader } from './lag-reader.js'

const broker = await brokerAddress()
if (broker.address === null) test.skip(`the lag of groups on Kafka: ${broker.missing}`, () => undefined)
else describeReader(broker.address)

function describeReader(address: string): void {
  let opened: LagUnderTest
  let atMs: number
  beforeAll(async () => {
    opened = await lagUnderTest(address)
  }, 120_000)
  beforeEach(() => {
    atMs = Date.now()
    opened.nowMs = atMs
  })
  afterAll(() => opened.close())

  test('the oldest record that waits is told by its own time, whatever marks of transactions stand before it', async () => {
    const topic = topicOf('notifications.rendered', 'high', null)
    const place = { stage: 'route', topic, partition: 0, start: 0, lost: 0 } as const
    expect(await opened.lag(topic)).toEqual({ ...place, committed: null, end: 0, records: 0, oldestMs: null })
    for (const age of [9000, 6000, 3000]) await opened.write(topic, [atMs - age])
    expect(await opened.lag(topic)).toEqual({ ...place, committed: null, end: 6, records: 6, oldestMs: atMs - 9000 })
    await opened.ack('route', topic, 1)
    expect(await opened.lag(topic)).toEqual({ ...place, committed: 1, end: 6, records: 4, oldestMs: atMs - 6000 })
    await opened.ack('route', topic, 2)
    expect(await opened.lag(topic)).toEqual({ ...place, committed: 2, end: 6, records: 4, oldestMs: atMs - 6000 })
    await opened.ack('route', topic, 5)
    expect(await opened.lag(topic)).toEqual({ ...place, committed: 5, end: 6, records: 0, oldestMs: null })
    await opened.write(topic, [atMs - 1000])
    expect(await opened.lag(topic)).toEqual({ ...place, committed: 5, end: 8, records: 2, oldestMs: atMs - 1000 })
  })

  test('what an open transaction holds up waits from when it is seen first, and what is given up does not', async () => {
    const topic = topicOf('notifications.requested', 'low', null)
    const place = { stage: 'dedupe', topic, partition: 0, start: 0, lost: 0, committed: null } as const
    const abort = await opened.writeOpen(topic, [atMs - 5000, atMs - 4000])
    expect(await opened.lag(topic)).toEqual({ ...place, end: 2, records: 2, oldestMs: atMs })
    opened.nowMs = atMs + 700
    expect(await opened.lag(topic)).toEqual({ ...place, end: 2, records: 2, oldestMs: atMs })
    await abort()
    await vi.waitUntil(async () => (await opened.lag(topic))?.records === 0, { timeout: 150_000 })
    expect(await opened.lag(topic)).toEqual({ ...place, end: 3, records: 0, oldestMs: null })
  })

  test('a stage that is gone has no members, and its lag goes on growing', async () => {
    const topic = topicOf('notifications.rendered', 'normal', null)
    const member = await opened.log.join({ group: 'route', topics: [topic] })
    const membersNow = async () => (await opened.reader.read()).members.get('route')
    await vi.waitUntil(async () => (await membersNow()) === 1, { timeout: 150_000 })
    await opened.write(topic, [atMs - 2000])
    await member.leave()
    const { members, partitions } = await opened.reader.read()
    expect(members).toEqual(new Map(workerNames.map((stage) => [stage, 0])))
    expect(partitions.find((one) => one.topic === topic)).toMatchObject({ records: 2, oldestMs: atMs - 2000 })
    await opened.write(topic, [atMs - 1000, atMs])
    expect(await opened.lag(topic)).toMatchObject({ records: 5, oldestMs: atMs - 2000 })
  })

  test('retention is the topic’s own, and the age of what waits is a part of it', async () => {
    const [old, young] = [topicOf('deliveries.routed', 'high', null), topicOf('deliveries.routed', 'low', null)]
    const letters = topicOf('dead-letters', null, null)
    await opened.write(old, [atMs - 1_800_000])
    await opened.write(young, [atMs - 900_000])
    await opened.write(letters, [atMs - 900_000])
    const reading = await opened.reader.read()
    expect([old, young, letters].map((topic) => reading.retentionMs(topic))).toEqual([3_600_000, 3_600_000, Infinity])
    expect(usedIn(reading)).toEqual({ throttle: [0.5, 0, 0.25], 'dead-letters': [0] })
  })

  test('what retention took before it was settled is lost, but for the mark at the end of what is idle', async () => {
    const topic = topicOf('notifications.accepted', 'high', null)
    const idle = topicOf('notifications.accepted', 'low', null)
    for (const one of [topic, idle]) {
      await opened.write(one, [atMs, atMs, atMs])
      await opened.ack('enrich-template', one, one === topic ? 1 : 3)
      await opened.write(one === topic ? topic : topicOf('notifications.accepted', 'normal', null), [atMs])
    }
    await opened.remove(topic, 4)
    await opened.remove(idle, 4)
    const place = { stage: 'enrich-template', partition: 0, start: 4 } as const
    expect(await opened.lag(topic)).toEqual({
      ...{ ...place, topic, committed: 1, end: 6, records: 2, oldestMs: atMs, lost: 3 },
    })
    expect(await opened.lag(idle)).toEqual({
      ...{ ...place, topic: idle, committed: 3, end: 4, records: 0, oldestMs: null, lost: 0 },
    })
  })
}

test('a broker that takes connections and never answers fails a round, and does not hang it', async () => {
  const silent = createServer((socket) => socket.on('error', () => undefined))
  await once(silent.listen(0, '127.0.0.1'), 'listening')
  const { port } = silent.address() as AddressInfo
  const connection = { brokers: `127.0.0.1:${port}` }
  const reader = kafkaLagReader({ connection, prefix: '', partitions: 1 })
  const [first, second] = await Promise.allSettled([reader.read(), reader.read()])
  expect([first, second]).toEqual([
    { status: 'rejected', reason: new Unavailable('The Kafka broker ended the connection') },
    { status: 'rejected', reason: new Unavailable('Kafka was asked for the lag before, and has not answered yet.') },
  ])
  await reader.close()
  silent.close()
})

/** By stage and lane, where anything waits. */
function usedIn(reading: LagReading) {
  const stages = lagTrend(60_000).note(reading)
  return Object.fromEntries(
    stages
      .filter(({ stage }) => stage === 'throttle' || stage === 'dead-letters')
      .map(({ stage, lanes }) => [stage, lanes.map(({ retentionUsed }) => retentionUsed)]),
  )
}
