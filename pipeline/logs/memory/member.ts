/** A consumer of a group on the memory log. It is strict, so that tests find a worker's mistakes: it refuses a second
 *  poll or commit while one is under way, the commit of records that it never read, and any call after a failure. */
import {
  defaultIfEmpty,
  filter,
  firstValueFrom,
  map,
  merge,
  type Observable,
  of,
  type SchedulerLike,
  Subject,
  takeUntil,
  timer,
} from 'rxjs'
import type { Topic } from '../../../schemas/streams.js'
import { type Assignment, Fenced, type LogRecord, type Member, type Transaction } from '../../engine/log.js'
import type { Contents } from './contents.js'
import { assignedCursors } from './cursor.js'
import { type Fate, fated } from './faults.js'
import type { PartitionShares } from './partition-shares.js'

/** What the consumers of one group share. */
export interface MemoryGroup {
  readonly name: string
  readonly topics: readonly Topic[]
  readonly shares: PartitionShares
  readonly contents: Contents
  readonly fate: Fate
  readonly clock: SchedulerLike
}

/** A consumer, and what only a test may do to it. */
export interface MemoryMember extends Member {
  /** Ends the consumer without a word: its polls never resolve again. */
  crash(): void
}

type Presence = 'here' | 'left' | 'crashed'
type Ack = (revoked: readonly Assignment[]) => Promise<void>

/** Joins the group; `assignments` emits what it is assigned. */
export function memoryMember({ name, topics, shares, contents, fate, clock }: MemoryGroup): MemoryMember {
  const assigned = assignedCursors(name, contents)
  const gone = new Subject<void>()
  let ack: Ack = async () => undefined
  let presence: Presence = 'here'
  const failure = lastingFailure()
  const oncePolling = oneAtATime('poll')
  const onceCommitting = oneAtATime('commit')

  const seat = shares.enter({
    ack: (partitions) => ack(placesOf(topics, partitions)),
    changed: (partitions) => assigned.assign(placesOf(topics, partitions)),
  })

  const poll = async (max: number, waitMs: number): Promise<readonly LogRecord[]> => {
    failure.check()
    const changes = merge(assigned.assignments, contents.added)
    const ended = merge(timer(waitMs, clock), gone, presence === 'left' ? of(undefined) : [])
    const found = await firstRecords(() => assigned.read(max, seat.isKept), changes, ended)
    return presence === 'crashed' ? new Promise(() => undefined) : found
  }

  const checkOwned = (transaction: Transaction): void => {
    if (presence !== 'here') throw new Fenced(`This member of ${name} is no longer in its group`)
    assigned.check(transaction)
  }

  const commit = async (transaction: Transaction): Promise<void> => {
    failure.check()
    checkOwned(transaction)
    await firstValueFrom(fate.delay())
    checkOwned(transaction)
    failure.run(() => fated(() => contents.commit(name, transaction), fate.next('commit')))
  }

  const depart = (how: Presence): void => {
    if (presence !== 'here') return
    presence = how
    seat.vacate()
    gone.next()
  }

  return {
    assignments: assigned.assignments,
    start: (place) => assigned.start(place),
    poll: (max, waitMs) => oncePolling(() => poll(max, waitMs)),
    commit: (transaction) => onceCommitting(() => commit(transaction)),
    get: (scope, key) => contents.state(name, scope).get(key, clock.now()),
    range: (scope, from, to, limit) => contents.state(name, scope).range(from, to, limit, clock.now()),
    onRevoke: (callback) => {
      ack = callback
    },
    leave: async () => depart('left'),
    crash: () => depart('crashed'),
  }
}

/** The same partitions of every topic: partition p of all topics belongs to one consumer, and so does its state. */
function placesOf(topics: readonly Topic[], partitions: readonly number[]): readonly Assignment[] {
  return topics.flatMap((topic) => partitions.map((partition) => ({ topic, partition })))
}

/** Resolves with the records that `read` returns at once or after a change, and with none once `ended` fires first. */
function firstRecords(
  read: () => readonly LogRecord[],
  changes: Observable<unknown>,
  ended: Observable<unknown>,
): Promise<readonly LogRecord[]> {
  return firstValueFrom(
    changes.pipe(
      map(read),
      filter((records) => records.length > 0),
      takeUntil(ended),
      defaultIfEmpty<readonly LogRecord[], readonly LogRecord[]>([]),
    ),
  )
}

/** Keeps the error that `run` threw last, and has `check` throw it again. */
function lastingFailure() {
  let failure: unknown = null
  return {
    check(): void {
      if (failure !== null) throw failure
    },
    run(work: () => void): void {
      try {
        work()
      } catch (error) {
        failure = error
        throw error
      }
    },
  }
}

function oneAtATime(what: string): <T>(run: () => Promise<T>) => Promise<T> {
  let running = false
  return async (run) => {
    if (running) throw new Error(`A ${what} of this member is under way already`)
    running = true
    try {
      return await run()
    } finally {
      running = false
    }
  }
}
