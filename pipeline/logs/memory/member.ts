/** A member of a group on the memory log. Strict, so that a worker's mistakes come out in tests: it refuses a second
 *  poll or commit while one is under way, work that its assignment never read, and anything after a failure. */
import {
  BehaviorSubject,
  defaultIfEmpty,
  filter,
  firstValueFrom,
  map,
  merge,
  of,
  type SchedulerLike,
  Subject,
  takeUntil,
  timer,
} from 'rxjs'
import type { Topic } from '../../../schemas/streams.js'
import type { StateChange } from '../../../stages/stage.js'
import {
  type Assignment,
  Fenced,
  type LogRecord,
  type Member,
  type Position,
  type Transaction,
} from '../../engine/log.js'
import { nameOf } from '../../engine/topic-partition.js'
import type { Contents } from './contents.js'
import { type Cursor, cursorAt, readShared } from './cursor.js'
import { type Fate, fated } from './faults.js'
import type { PartitionShares } from './partition-shares.js'

/** What the members of one group share. */
export interface MemoryGroup {
  readonly name: string
  readonly topics: readonly Topic[]
  readonly shares: PartitionShares
  readonly contents: Contents
  readonly fate: Fate
  readonly clock: SchedulerLike
}

/** A member, and what only a test may do to it. */
export interface MemoryMember extends Member {
  /** Gone without a word: its polls never answer again. */
  crash(): void
}

type Presence = 'here' | 'left' | 'crashed'
type Settle = (revoked: readonly Assignment[]) => Promise<void>

/** Enters the group; what it gets is told by `assignments`. */
export function memoryMember({ name, topics, shares, contents, fate, clock }: MemoryGroup): MemoryMember {
  const assignments = new BehaviorSubject<readonly Assignment[]>([])
  const gone = new Subject<void>()
  let cursors: ReadonlyMap<string, Cursor> = new Map()
  let ack: Settle = async () => undefined
  let presence: Presence = 'here'
  let failure: unknown = null
  const oncePolling = oneAtATime('poll')
  const onceCommitting = oneAtATime('commit')

  const open = (place: Assignment): Cursor => cursorAt(place, contents.position(name, place), contents)

  const seat = shares.enter({
    ack: (partitions) => ack(placesOf(topics, partitions)),
    changed: (partitions) => {
      const places = placesOf(topics, partitions)
      cursors = new Map(places.map((place) => [nameOf(place), cursors.get(nameOf(place)) ?? open(place)]))
      assignments.next(places)
    },
  })

  const read = (max: number): readonly LogRecord[] => {
    const kept = [...cursors.values()].filter(({ place }) => seat.isKept(place.partition))
    return readShared(kept, max)
  }

  const poll = async (max: number, waitMs: number): Promise<readonly LogRecord[]> => {
    if (failure !== null) throw failure
    const found = await firstValueFrom(
      merge(assignments, contents.added).pipe(
        map(() => read(max)),
        filter((records) => records.length > 0),
        takeUntil(merge(timer(waitMs, clock), gone, presence === 'left' ? of(undefined) : [])),
        defaultIfEmpty<readonly LogRecord[], readonly LogRecord[]>([]),
      ),
    )
    return presence === 'crashed' ? new Promise(() => undefined) : found
  }

  const checkOwned = ({ positions, changes }: Transaction): void => {
    if (presence !== 'here') throw new Fenced(`This member of ${name} is no longer in its group`)
    for (const position of positions) checkPosition(position)
    for (const change of changes) checkScope(change)
  }

  const checkPosition = (position: Position): void => {
    const before = contents.position(name, position)
    const isForward = position.next >= before.next
    if (isForward && cursors.get(nameOf(position))?.covers(position)) return
    throw new Fenced(`${nameOf(position)} is not, or not any more, this member's in ${name}`)
  }

  const checkScope = ({ scope: { partition } }: StateChange): void => {
    if (![...cursors.values()].some(({ place }) => place.partition === partition)) {
      throw new Fenced(`The state of partition ${partition} is not, or not any more, this member's in ${name}`)
    }
  }

  const commit = async (transaction: Transaction): Promise<void> => {
    if (failure !== null) throw failure
    checkOwned(transaction)
    await firstValueFrom(fate.delay())
    checkOwned(transaction)
    try {
      fated(() => contents.commit(name, transaction), fate.next('commit'))
    } catch (error) {
      failure = error
      throw error
    }
  }

  const depart = (how: Presence): void => {
    if (presence !== 'here') return
    presence = how
    seat.vacate()
    gone.next()
  }

  return {
    assignments,
    start: (place) => {
      const cursor = cursors.get(nameOf(place))
      if (!cursor) throw new Fenced(`${nameOf(place)} is not this member's in ${name}`)
      return cursor.start
    },
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

/** The partitions of every way: partition p of all ways belongs to the same member, as state does. */
function placesOf(topics: readonly Topic[], partitions: readonly number[]): readonly Assignment[] {
  return topics.flatMap((topic) => partitions.map((partition) => ({ topic, partition })))
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
