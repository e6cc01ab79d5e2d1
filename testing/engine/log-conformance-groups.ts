/** What a log promises to a group that reads: each record once, high first, nobody starved, and how much is left. */
import { expect, test } from 'vitest'
import type { LogRecord, Member, NewRecord } from '../../pipeline/engine/log.js'
import { partitionOf } from '../../pipeline/engine/murmur2.js'
import { topicOf } from '../../schemas/streams.js'
import {
  collect,
  forward,
  joinAlone,
  type LogUnderTest,
  placeOf,
  positionsAfter,
  reader,
  readerLag,
  request,
  requests,
  textOf,
  wayOf,
} from './log-under-test.js'

export function describeGroups(open: () => Promise<LogUnderTest>): void {
  test('a lone member owns every partition of every way that it reads', async () => {
    const opened = await open()
    const member = await joinAlone(opened)
    const places: string[] = []
    member.assignments
      .subscribe((now) => places.push(...now.map(({ topic, partition }) => `${topic.lane} ${partition}`)))
      .unsubscribe()
    const all = ['high', 'low', 'normal'].flatMap((lane) => [0, 1, 2, 3].map((partition) => `${lane} ${partition}`))
    expect(places.sort()).toEqual(all)
    const place = { topic: wayOf('notifications.requested', 'low'), partition: 3 }
    expect(member.start(place)).toEqual({ ...place, next: 0, ackedAhead: [], firstDeliveryFrom: expect.any(Number) })
  })

  test('polls go on where the last one stopped and never take more than asked', async () => {
    const opened = await open()
    await opened.log.append(requests('normal', 90))
    const member = await joinAlone(opened)
    const polls: (readonly LogRecord[])[] = []
    await opened.until(async () => {
      polls.push(await member.poll(7, 50))
      return polls.flat().length === 90
    })
    const tooLarge = polls.filter((records) => records.length > 7)
    expect([tooLarge, new Set(polls.flat().map(placeOf)).size]).toEqual([[], 90])
    expect(await opened.during(member.poll(7, 20))).toEqual([])
  })

  test('a poll that waits is woken by an append', async () => {
    const opened = await open()
    const member = await joinAlone(opened)
    const polled = firstPolled(member)
    await opened.log.append([request('low', 'user', 'wakes')])
    expect((await opened.during(polled)).map(textOf)).toEqual(['wakes'])
  })

  test('a poll that waits is woken by another group’s commit', async () => {
    const opened = await open()
    const next = await joinAlone(opened, { group: 'enrich-template', topics: [wayOf('notifications.accepted', 'low')] })
    const polled = firstPolled(next)
    await opened.log.append([request('low', 'user', 'forwarded')])
    const member = await joinAlone(opened)
    await forward(member, await collect(opened, member, 1))
    expect((await opened.during(polled)).map(textOf)).toEqual(['forwarded'])
  })

  test('leaving gives back what was polled and not committed', async () => {
    const opened = await open()
    await opened.log.append(requests('normal', 40, 1))
    const member = await joinAlone(opened)
    await forward(member, await collect(opened, member, 10))
    await collect(opened, member, 20)
    await member.leave()
    const rest = await collect(opened, await joinAlone(opened), 30)
    expect(rest.map(({ offset }) => offset)).toEqual(Array.from({ length: 30 }, (_, index) => index + 10))
  })

  test('a poll ends, with nothing, when the member leaves', async () => {
    const opened = await open()
    const member = await joinAlone(opened)
    const polled = member.poll(10, 600_000)
    await member.leave()
    expect(await opened.during(polled)).toEqual([])
    await opened.log.append(requests('high', 5))
    expect(await opened.during(member.poll(10, 20))).toEqual([])
  })

  test('high overtakes a backlog of low', async () => {
    const opened = await open()
    await opened.log.append([...requests('low', 3000), ...requests('normal', 1000)])
    const member = await joinAlone(opened)
    await collect(opened, member, 200, 100)
    await opened.log.append(requests('high', 50))
    const next = await collect(opened, member, 1000, 100)
    const high = next.filter(({ topic }) => topic.lane === 'high')
    expect(high.map(textOf).sort()).toEqual(requests('high', 50).map(textOf).sort())
  })

  test('low is not starved while high never ends', async () => {
    const opened = await open()
    await opened.log.append([...requests('high', 3000), ...requests('normal', 1000), ...requests('low', 1000)])
    const records = await collect(opened, await joinAlone(opened), 2000, 100)
    const count = (lane: string) => records.filter(({ topic }) => topic.lane === lane).length
    expect(count('high')).toBeGreaterThanOrEqual(1000)
    expect(count('normal')).toBeGreaterThanOrEqual(100)
    expect(count('low')).toBeGreaterThanOrEqual(50)
  })

  test('no partition waits for another’s backlog', async () => {
    const opened = await open()
    const backlog = request('normal', 'busy', 'backlog')
    const others = requests('normal', 120, 24).filter(
      (record) => partitionOf(keyOf(record), 4) !== partitionOf(keyOf(backlog), 4),
    )
    await opened.log.append([...Array(2000).fill(backlog), ...others])
    const records = await collect(opened, await joinAlone(opened), 1000, 100)
    const values = records.map(textOf).filter((value) => value !== textOf(backlog))
    expect(values.sort()).toEqual(others.map(textOf).sort())
  })

  test('partitions with long backlogs share a poll', async () => {
    const opened = await open()
    await opened.log.append(requests('normal', 4000, 24))
    const records = await collect(opened, await joinAlone(opened), 800, 100)
    const counts = [0, 1, 2, 3].map((number) => records.filter(({ partition }) => partition === number).length)
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(100)
  })

  test('a way without lanes is read like any other', async () => {
    const opened = await open()
    const topic = topicOf('notifications.status', null, null)
    await opened.log.append([{ ...request('normal', 'notification', 'status'), topic }])
    const records = await collect(opened, await joinAlone(opened, { group: 'record', topics: [topic] }), 1)
    expect(records.map(({ topic: { stream }, ...record }) => [stream, textOf(record)])).toEqual([
      ['notifications.status', 'status'],
    ])
  })

  test('lag tells what is not settled', async () => {
    const opened = await open()
    await opened.log.append(requests('high', 20, 1))
    const member = await joinAlone(opened)
    const polled = await collect(opened, member, 20)
    await forward(member, polled.slice(0, 5))
    const [{ partition } = { partition: -1 }] = polled
    const lag = await opened.lag(reader.group, reader.topics)
    const behind = lag.filter(({ records }) => records > 0)
    expect(behind).toMatchObject([{ topic: { lane: 'high' }, partition, records: 15 }])
    expect(lag.filter(({ records }) => records === 0).length).toBe(11)
    expect(await opened.lag('route', [wayOf('notifications.requested', 'high')])).toMatchObject(
      [0, 1, 2, 3].map((number) => ({ partition: number, records: number === partition ? 20 : 0 })),
    )
  })

  test('settlements are told after each commit, with the counts already moved', async () => {
    const opened = await open()
    await opened.log.append(requests('normal', 10, 1))
    const member = await joinAlone(opened)
    const polled = await collect(opened, member, 10)
    const [place] = positionsAfter(polled)
    const told: number[][] = []
    const note = () => place && told.push([opened.log.acked('dedupe', place), opened.log.unacked('dedupe', place)])
    const subscription = opened.log.acks('dedupe').subscribe(note)
    await forward(member, polled.slice(0, 4))
    await opened.until(() => told.length === 1)
    await forward(member, polled)
    await opened.until(() => told.length === 2)
    subscription.unsubscribe()
    expect(told).toEqual([
      [4, 6],
      [10, 0],
    ])
    expect(await readerLag(opened)).toBe(0)
  })
}

/** The first records that a member gets; polls so patiently that one which is not woken fails the test. A poll may end
 *  early and empty. */
async function firstPolled(member: Member): Promise<readonly LogRecord[]> {
  for (;;) {
    const records = await member.poll(10, 600_000)
    if (records.length > 0) return records
  }
}

function keyOf({ key }: NewRecord): Uint8Array {
  return key ?? Buffer.alloc(0)
}
