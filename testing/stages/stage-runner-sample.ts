/** Runs a real stage with its real worker on the memory log, in virtual time: for the tests of stages that work with
 *  time, state and restarts. */

import { type Codec, createCodec } from '../../pipeline/engine/codec.js'
import type {
  JoinOptions,
  Log,
  LogRecord,
  Member,
  NewRecord,
  Position,
  Transaction,
} from '../../pipeline/engine/log.js'
import { seededRandom } from '../../pipeline/engine/seeded-random.js'
import { runWorker, type Worker, type WorkerOptions } from '../../pipeline/engine/worker.js'
import { type VirtualClock, virtualClock } from '../../pipeline/logs/memory/clock.js'
import type { Faults } from '../../pipeline/logs/memory/faults.js'
import { type MemoryLog, memoryLog } from '../../pipeline/logs/memory/log.js'
import type { EventName, EventOf } from '../../schemas/avro.js'
import type { Outgoing } from '../../schemas/outgoing.js'
import { type StreamName, type Topic, topicName, topicsOf } from '../../schemas/streams.js'
import type { Stage } from '../../stages/stage.js'

/** When every run begins: 2030-01-01. */
export const startMs = Date.UTC(2030, 0, 1)

/** One event on the log, and when it came to stand there, in milliseconds since the run began. */
export interface Told<N extends EventName> {
  readonly topic: Topic
  readonly value: EventOf<N>['value']
  readonly afterMs: number
}

export interface RunnerOptions {
  readonly partitions?: number
  readonly faults?: Faults
  /** As of `virtualClock`. */
  readonly passedMs?: () => number
}

export interface StageRunner {
  readonly clock: VirtualClock
  readonly log: MemoryLog
  readonly codec: Codec
  /** What was committed, in order. */
  readonly commits: readonly Transaction[]
  /** Runs the stage until it is stopped; as often as the test likes. */
  start<I extends EventName, O extends EventName>(stage: Stage<I, O>, more?: Partial<WorkerOptions<I, O>>): Worker
  /** Ends the member that the group has now, as a kill of its process would. */
  crashMemberOf(group: string): void
  stop(worker: Worker, withinMs?: number): Promise<void>
  /** Writes events, then lets everything ack that needs no time. */
  append(...events: readonly Outgoing[]): Promise<void>
  /** Writes records as another process would: only their bytes tell what they say. */
  appendRecords(records: readonly NewRecord[]): Promise<void>
  advance(ms: number): Promise<void>
  /** Lets time pass until the promise is acked. */
  during<T>(work: Promise<T>): Promise<T>
  /** Every event of a kind on a topic so far, each way in order, but for tombstones. */
  told<N extends EventName>(stream: StreamName, event: N): readonly Told<N>[]
  /** Milliseconds since the run began. */
  afterMs(): number
}

/** Virtual time after which a wait has failed. */
const patienceMs = 3_600_000

export function stageRunner({ partitions = 1, faults, passedMs }: RunnerOptions = {}): StageRunner {
  const clock = virtualClock(startMs, passedMs)
  const log = memoryLog({ partitions, clock: clock.scheduler, ...(faults && { faults }) })
  const codec = createCodec()
  const commits: Transaction[] = []
  const members = new Map<string, Member>()
  const watched = new Map<StreamName, { record: LogRecord; afterMs: number }[]>()
  const afterMs = () => clock.scheduler.now() - startMs

  const join = async (options: JoinOptions): Promise<Member> => {
    const member = await log.join(options)
    members.set(options.group, member)
    return noting(member, commits)
  }
  const noted: Log = { ...log, join }

  const watch = (stream: StreamName) => {
    const known = watched.get(stream)
    if (known) return known
    const records: { record: LogRecord; afterMs: number }[] = []
    watched.set(stream, records)
    for (const topic of topicsOf(stream))
      log.tail(topic).subscribe((record) => records.push({ record, afterMs: afterMs() }))
    return records
  }
  for (const stream of ['deliveries.routed', 'deliveries.released', 'notifications.status', 'dead-letters'] as const) {
    watch(stream)
  }
  for (const stream of ['notifications.accepted', 'providers.health'] as const) watch(stream)

  return {
    clock,
    log,
    codec,
    commits,
    start: (stage, more = {}) =>
      runWorker({
        stage,
        log: noted,
        topics: topicsOf(stage.input),
        codec,
        clock: clock.scheduler,
        random: seededRandom(1),
        mailbox: 1024,
        batch: 128,
        ...more,
      }),
    crashMemberOf(group) {
      const member = members.get(group)
      if (member) log.crash(member)
    },
    stop: (worker, withinMs = 5000) => during(worker.stop(withinMs)),
    async append(...events) {
      await during(log.append(events.map((event) => codec.encode(event, clock.scheduler.now()))))
      await clock.advance(0)
    },
    async appendRecords(records) {
      await during(log.append(records))
      await clock.advance(0)
    },
    advance: (ms) => clock.advance(ms),
    during,
    told: (stream, event) =>
      watch(stream).flatMap(({ record, afterMs }) => {
        if (record.value === null) return []
        const decoded = codec.decode(record, [event])
        return [{ topic: record.topic, value: decoded.value, afterMs }]
      }),
    afterMs,
  }

  async function during<T>(work: Promise<T>): Promise<T> {
    let acked = false
    const done = work.finally(() => {
      acked = true
    })
    // Whoever waits gets the rejection; the clock only needs to know that it came.
    done.catch(() => undefined)
    await clock.runUntil(() => acked, patienceMs)
    return done
  }
}

/** A member whose commits are noted once they have succeeded. */
function noting(member: Member, commits: Transaction[]): Member {
  return {
    assignments: member.assignments,
    start: member.start,
    poll: member.poll,
    async commit(transaction) {
      await member.commit(transaction)
      commits.push(transaction)
    },
    get: member.get,
    range: member.range,
    onRevoke: member.onRevoke,
    leave: member.leave,
  }
}

/** The positions that ack these records, where nothing before them is unacked. */
export function settling(records: readonly LogRecord[]): Position[] {
  const positions = new Map<string, Position>()
  for (const { topic, partition, offset } of records) {
    positions.set(`${topicName(topic)}-${partition}`, { topic, partition, next: offset + 1, ackedAhead: [] })
  }
  return [...positions.values()]
}
