/** Some hops of the bare chain on Kafka, in a process of their own: see kafka-chain.ts. */
import { setTimeout as delay } from 'node:timers/promises'
import type { LogRecord, Member, NewRecord } from '../pipeline/engine/log.js'
import { openKafkaLog } from '../pipeline/logs/kafka/log.js'
import type { KafkaLogOptions } from '../pipeline/logs/kafka/log-options.js'
import { decodeAvro, encodeAvro } from '../schemas/avro.js'
import { topicOf, topicsOf } from '../schemas/streams.js'
import { ownedBy, positionsAfter } from '../testing/engine/log-under-test.js'
import { chainedTopics, groups, hops } from './bare-hops.js'
import { answerCalls, orderOf } from './child-process.js'

export interface ChainOrder {
  readonly options: KafkaLogOptions
  /** By number. */
  readonly hops: readonly number[]
}

export interface ChainCalls {
  /** Lets the hops run; what was before does not count. */
  begin(): void
  pause(): void
  /** Notifications that the last hop has taken since. */
  ended(): number
  /** Ends them. How many notifications the last hop took, and how many it took again. */
  close(): Promise<{ readonly distinct: number; readonly repeats: number; readonly cpuMicros: number }>
}

/** Records in one poll, and so at most in one transaction. */
const batch = 1000
const pollWaitMs = 200
const stepMs = 10

const order = orderOf<ChainOrder>()
const log = await openKafkaLog(order.options)
const members = await Promise.all(order.hops.map(enter))
const seen = new Set<string>()
let repeats = 0
let cpu = process.cpuUsage()
let state: 'paused' | 'running' | 'ending' = 'paused'
const running = Promise.all(members.map(run))

answerCalls<ChainCalls>({
  begin() {
    cpu = process.cpuUsage()
    seen.clear()
    repeats = 0
    state = 'running'
  },
  pause() {
    state = 'paused'
  },
  ended: () => seen.size,
  async close() {
    state = 'ending'
    const { user, system } = process.cpuUsage(cpu)
    await running
    await log.close()
    return { distinct: seen.size, repeats, cpuMicros: user + system }
  },
})

async function enter(number: number) {
  const [topic, group = ''] = [chainedTopics[number], groups[number]]
  if (!topic) throw new RangeError(`There is no hop ${number}`)
  const member = await log.join({ group, topics: topicsOf(topic) })
  while (ownedBy(member).length < order.options.partitions) await member.poll(1, stepMs)
  return { number, member }
}

/** The next poll is under way while a commit is. */
async function run({ number, member }: { readonly number: number; readonly member: Member }): Promise<void> {
  let committing = Promise.resolve()
  while (state !== 'ending') {
    if (state === 'paused') {
      await delay(stepMs)
      continue
    }
    const records = await member.poll(batch, pollWaitMs)
    if (records.length === 0) continue
    const outputs = records.flatMap((record) => turn(number, record))
    await committing
    committing = member.commit({ outputs, changes: [], positions: positionsAfter(records), durable: false })
  }
  await committing
}

/** What the hop makes of a record; the last one only remembers it. */
function turn(number: number, { key, value, headers, timestampMs, topic }: LogRecord): NewRecord[] {
  const hop = hops[number]
  if (!hop || value === null) return []
  const made = hop.turn(decodeAvro(hop.from, value))
  const next = chainedTopics[number + 1]
  if (hop.to === null || !next) {
    const id = 'notificationId' in made ? String(made.notificationId) : ''
    if (seen.has(id)) repeats++
    seen.add(id)
    return []
  }
  const channel = next === 'deliveries.released' ? 'sms' : null
  const lane = next === 'notifications.status' ? null : topic.lane
  return [{ topic: topicOf(next, lane, channel), key, value: encodeAvro(hop.to, made), headers, timestampMs }]
}
