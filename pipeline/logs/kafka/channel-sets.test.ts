/** Members of one group that serve different channels, each as a process of its own would. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { type Channel, type Topic, topicsOf } from '../../../schemas/streams.js'
import { ownedBy, positionsAfter } from '../../../testing/engine/log-under-test.js'
import { brokerAddress } from '../../../testing/logs/kafka/log-under-test.js'
import type { LogRecord, Member, NewRecord } from '../../engine/log.js'
import { memberOf } from './channel-sets.js'
import { openKafkaLog } from './log.js'
import type { KafkaLogOptions } from './log-options.js'
import { kafkaNames } from './names.js'
import { ensureTopics } from './topic-admin.js'
import { wantedTopics } from './topics.js'

const partitions = 2
const group = 'deliver'

test('members of different channels have different names, and one that serves them all has the usual one', () => {
  const all = topicsOf('deliveries.released')
  const requested = topicsOf('notifications.requested')
  const names = [all, waysFor('sms', 'email'), waysFor('sms'), requested].map((topics) => memberOf('deliver-0', topics))
  expect(names).toEqual(['deliver-0', 'deliver-0-email-sms', 'deliver-0-sms', 'deliver-0'])
})

const broker = await brokerAddress()
if (broker.address === null) test.skip(`channels on Kafka: ${broker.missing}`, () => undefined)
else describeChannels(broker.address)

function describeChannels(address: string): void {
  test('what one process settled for all channels is settled for processes that serve one each', async () => {
    const { open, close } = await channelsAt(address)
    const whole = await open()
    await whole.log.append([...deliveries('email', 0, 10), ...deliveries('sms', 0, 10)])
    const first = await whole.serve('email', 'sms')
    await ack(first, await collect(first, 20))
    await whole.log.append([...deliveries('email', 10, 5), ...deliveries('sms', 10, 7)])
    await first.leave()
    const members = [await (await open()).serve('email'), await (await open()).serve('sms')]
    const read = await Promise.all([collect(members[0], 5), collect(members[1], 7)])
    expect(read.map((records) => records.map(({ topic, value }) => `${topic.channel} ${value}`).sort())).toEqual([
      texts('email', 10, 5),
      texts('sms', 10, 7),
    ])
    await close()
  })

  test('a process that serves some of the channels of another is refused, and the other one goes on', async () => {
    const { open, close } = await channelsAt(address)
    const older = await open()
    const first = await older.serve('email', 'sms')
    const newer = await open()
    const second = await newer.log.join({ group, topics: waysFor('email') })
    await expect(second.poll(1, 30_000)).rejects.toThrow('Give them the same channels, or none in common')
    await second.leave()
    expect([newer.unusable(), older.unusable()]).toEqual(['channels-overlap', null])
    await vi.waitUntil(() => ownedBy(first).length === partitions, 30_000)
    await older.log.append(deliveries('email', 0, 10))
    expect((await collect(first, 10)).length).toBe(10)
    await close()
  })
}

/** Topics of two channels, and logs on them, each with a folder of its own. */
async function channelsAt(address: string) {
  const prefix = `t${randomBytes(4).toString('hex')}.`
  const connection = { brokers: address }
  const topics = waysFor('email', 'sms')
  const settings = { partitions, replicationFactor: 1, minInSyncReplicas: 1, deleteRetentionMs: 86_400_000 }
  await ensureTopics(connection, wantedTopics(kafkaNames(prefix), settings, topics, [{ group, topics }]), 1)
  const closing: (() => Promise<void>)[] = []
  return {
    async open() {
      const stateFolder = mkdtempSync(join(tmpdir(), 'carillon-state-'))
      let unusable: string | null = null
      const options: KafkaLogOptions = {
        ...{ connection, partitions, prefix, stateFolder, sessionTimeoutMs: 2000 },
        onUnusable: ({ code }) => {
          unusable = code
        },
      }
      const log = await openKafkaLog(options)
      closing.push(async () => {
        await log.close()
        rmSync(stateFolder, { recursive: true })
      })
      const serve = async (...channels: Channel[]): Promise<Member> => {
        const member = await log.join({ group, topics: waysFor(...channels) })
        await vi.waitUntil(() => ownedBy(member).length === partitions, 30_000)
        return member
      }
      return { log, serve, unusable: () => unusable }
    },
    async close() {
      for (const each of closing) await each()
    },
  }
}

function waysFor(...channels: Channel[]): readonly Topic[] {
  return topicsOf('deliveries.released').filter(({ channel }) => channel !== null && channels.includes(channel))
}

function deliveries(channel: Channel, from: number, count: number): NewRecord[] {
  const [topic] = waysFor(channel)
  if (!topic) throw new RangeError(`There is no way for ${channel}`)
  return Array.from({ length: count }, (_, index) => ({
    ...{
      topic,
      key: Buffer.from(`user ${index}`),
      value: Buffer.from(String(from + index)),
      headers: {},
      timestampMs: 0,
    },
  }))
}

function texts(channel: Channel, from: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${channel} ${from + index}`).sort()
}

async function collect(member: Member | undefined, count: number): Promise<LogRecord[]> {
  const records: LogRecord[] = []
  await vi.waitUntil(
    async () => {
      records.push(...((await member?.poll(count - records.length, 50)) ?? []))
      return records.length === count
    },
    { timeout: 150_000 },
  )
  return records
}

function ack(member: Member, records: readonly LogRecord[]): Promise<void> {
  return member.commit({ outputs: [], changes: [], positions: positionsAfter(records), durable: false })
}
