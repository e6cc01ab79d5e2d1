/** Some hops of the bare chain on Kafka, in a process of their own: see kafka-chain.ts. */
import { join } from 'node:path'
import type { LogRecord, Member, NewRecord, Position } from '../pipeline/engine/log.js'
import { openKafkaLog } from '../pipeline/logs/kafka/log.js'
import { decodeAvro, encodeAvro } from '../schemas/avro.js'
import { wayName, wayTo } from '../schemas/topics.js'
import { ownedBy } from '../testing/engine/log-under-test.js'
import { hops, sampleRequest } from './bare-hops.js'
import { type ChainOrder, type HopReport, readings, statelessGroups } from './kafka-chain.js'

/** Records in one poll, and so at most in one transaction. */
const batch = 1000
const pollWaitMs = 200
/** Appends under way at once while the requests are laid. */
const layAtOnce = 2000
const stepMs = 10

interface Hop {
  readonly number: number
  readonly member: Member
  records: number
  commits: number
  commitMs: number
  readonly seen: Set<string>
  duplicates: number
  readonly latenciesMs: number[]
}

const order = JSON.parse(process.argv[2] ?? '') as ChainOrder
let ending = false
/** Between the warm-up and what is measured. */
let paused = false
const orphaned = () => process.exit(1)
process.on('disconnect', orphaned)

const log = await openKafkaLog({
  connection: { brokers: order.brokers },
  ...{ partitions: order.partitions, prefix: order.prefix, stateFolder: join(order.folder, String(process.pid)) },
  statelessGroups,
})
const running = await Promise.all(order.hops.map(enter))
process.send?.('ready')
let cpu = process.cpuUsage()
await new Promise<void>((resolve) => {
  process.on('message', (message) => {
    if (message === 'go') {
      begin()
      resolve()
    }
    if (message === 'pause') paused = true
    if (message === 'end') ending = true
  })
})
if (order.lays > 0) await lay(order.lays, order.perSecond)
await Promise.all(running.map(run))
const spent = process.cpuUsage(cpu)
process.send?.({
  hops: running.map(
    ({ number, records, commits, commitMs, seen, duplicates, latenciesMs }): HopReport => ({
      ...{ number, records, commits, commitMs, distinct: seen.size, duplicates, latenciesMs },
    }),
  ),
  cpuMs: (spent.user + spent.system) / 1000,
  rssMiB: process.memoryUsage().rss / 1024 / 1024,
})
await log.close()
process.off('disconnect', orphaned).disconnect()

/** What was before does not count. */
function begin(): void {
  cpu = process.cpuUsage()
  paused = false
  for (const hop of running) {
    Object.assign(hop, { records: 0, commits: 0, commitMs: 0, duplicates: 0 })
    hop.seen.clear()
    hop.latenciesMs.length = 0
  }
}

async function enter(number: number): Promise<Hop> {
  const reading = readings[number]
  if (!reading) throw new RangeError(`There is no hop ${number}`)
  const member = await log.join(reading)
  while (ownedBy(member).length < order.partitions) await member.poll(1, stepMs)
  return { number, member, records: 0, commits: 0, commitMs: 0, seen: new Set(), duplicates: 0, latenciesMs: [] }
}

async function lay(count: number, perSecond: number | null): Promise<void> {
  const startedMs = performance.now()
  const way = wayTo('notifications.requested', 'normal', null)
  for (let number = 0; number < count; ) {
    const due = perSecond === null ? count : Math.floor(((performance.now() - startedMs) / 1000) * perSecond)
    const upTo = Math.min(count, due, number + layAtOnce)
    const records: NewRecord[] = []
    for (; number < upTo; number++) {
      const request = sampleRequest(number)
      const value = encodeAvro('notification-requested', request)
      records.push({ way, key: Buffer.from(request.recipient), value, headers: {}, timestampMs: Date.now() })
    }
    const appended = log.append(records)
    if (perSecond === null) await appended
    else await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** The next poll is under way while a commit is. */
async function run(hop: Hop): Promise<void> {
  let committing = Promise.resolve()
  while (!ending) {
    if (paused) {
      await new Promise((resolve) => setTimeout(resolve, stepMs))
      continue
    }
    const records = await hop.member.poll(batch, pollWaitMs)
    if (records.length === 0) continue
    const outputs = turn(hop, records)
    await committing
    const startedMs = performance.now()
    committing = hop.member.commit({ outputs, changes: [], positions: positionsAfter(records), durable: false })
    void committing.then(() => {
      hop.commitMs += performance.now() - startedMs
    })
    hop.records += records.length
    hop.commits++
    if (hop.number === hops.length - 1) process.send?.(hop.records)
  }
  await committing
}

function turn(hop: Hop, records: readonly LogRecord[]): NewRecord[] {
  const { from, to, turn: make } = hops[hop.number] ?? {}
  const outputs: NewRecord[] = []
  const nowMs = Date.now()
  for (const record of records) {
    const { key, value, headers, timestampMs, way } = record
    if (from === undefined || make === undefined || value === null) continue
    const made = make(decodeAvro(from, value))
    if (order.perSecond !== null) hop.latenciesMs.push(nowMs - timestampMs)
    if (to === null || to === undefined) {
      const id = 'notificationId' in made ? String(made.notificationId) : ''
      if (hop.seen.has(id)) hop.duplicates++
      hop.seen.add(id)
      continue
    }
    const topic = order.topics[hop.number + 1] ?? 'notifications.status'
    const channel = topic === 'deliveries.released' ? 'sms' : null
    const lane = topic === 'notifications.status' ? null : way.lane
    outputs.push({ way: wayTo(topic, lane, channel), key, value: encodeAvro(to, made), headers, timestampMs })
  }
  return outputs
}

function positionsAfter(records: readonly LogRecord[]): Position[] {
  const positions = new Map<string, Position>()
  for (const { way, partition, offset } of records) {
    positions.set(`${wayName(way)}-${partition}`, { way, partition, next: offset + 1, beyond: [] })
  }
  return [...positions.values()]
}
