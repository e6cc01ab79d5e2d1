/** Commits a member's transactions one after another, and does what is due between them: marks the local stores, forgets
 *  what expired, moves offsets over holes, and tells offsets again before Kafka forgets them. */
import type { TopicPartitionOffset } from 'node-rdkafka'
import type { Scope, StateChange } from '../../../stages/stage.js'
import { Fenced, type Position, type Transaction } from '../../engine/log.js'
import { nameOf } from '../../engine/topic-partition.js'
import { type AssignedPartitions, type Move, type OwnedPlace, offsetOf } from './assigned-partitions.js'
import { changeOutput } from './changelog.js'
import { isFenced } from './library.js'
import type { Membership } from './membership.js'
import { endOffsets, placeName } from './offsets.js'
import { encodeProgress } from './progress.js'
import type { PartitionRestoreOptions } from './restore.js'
import type { ScopeStore } from './scope-store.js'
import type { Output, Transactions } from './transactions.js'

export interface CommitterOptions extends Pick<PartitionRestoreOptions, 'group' | 'names' | 'groupProgress' | 'probe'> {
  readonly transactions: Transactions
  readonly membership: Membership
  readonly owned: AssignedPartitions
  /** Another process has taken this one's name, or this one stood still for too long. */
  onReplaced(): void
  /** True: every commit tells its progress, for other processes watch the group. */
  readonly tellsProgress: boolean
}

export interface Committer {
  /** `check` throws where the work is not this member's; it is asked again before every attempt. */
  commit(transaction: Transaction, check: () => void): Promise<void>
  /** Once or so a second; commits wait a little for it. */
  tidy(): Promise<void>
  /** Notes in the local stores how far the changelog is in them. */
  markStores(): Promise<void>
  /** Resolves when no commit is under way, whatever became of it. */
  idle(): Promise<void>
}

/** Kafka forgets the offsets of topics that a group does not subscribe to after offsets.retention.minutes, 7 days. */
const tellAgainMs = 6 * 60 * 60 * 1000
/** Expired entries forgotten in one transaction, and how many of those come one after another. */
const maxExpired = 1000
const maxTidyRounds = 50
const markEveryMs = 2000

export function committer(options: CommitterOptions): Committer {
  const { group, names, transactions, membership, owned, groupProgress, probe, tellsProgress } = options
  let last: Promise<unknown> = Promise.resolve()
  let markedMs = 0
  let uncertain = false
  const changed = new Set<ScopeStore>()

  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work)
    last = done.catch(() => undefined)
    return done
  }

  return {
    commit: (transaction, check) => inTurn(() => commitOne(transaction, check)),
    async tidy() {
      // Commits go between two rounds.
      for (let rounds = 0; rounds < maxTidyRounds && (await inTurn(() => tidyUp())); rounds++);
      // Without a mark a restore takes longer, no more.
      if (performance.now() - markedMs > markEveryMs) await markStores().catch(() => undefined)
    },
    markStores,
    idle: async () => {
      await last
    },
  }

  async function commitOne(transaction: Transaction, check: () => void): Promise<void> {
    check()
    const moves = owned.moves(transaction.positions)
    await write(transaction, moves, check)
    owned.noteCommitted(moves)
    for (const { owned: place, position } of moves) groupProgress.noteEnd(position, place.source.knownEnd())
    groupProgress.committed(group, moves)
  }

  async function write({ outputs, changes }: Transaction, moves: readonly Move[], check: () => void): Promise<void> {
    const nowMs = Date.now()
    const records: Output[] = outputs.map(({ topic, key, value, headers, timestampMs }) => ({
      ...{ topic: names.nameOf(topic), partition: null, key, value, headers, timestampMs },
    }))
    for (const change of changes) {
      records.push(changeOutput(names.changelog(group, change.scope.lane), change, nowMs))
    }
    for (const { position, count } of moves) {
      if (tellsProgress || position.ackedAhead.length > 0) records.push(progressOutput(position, count, nowMs))
    }
    const offsets = moves.map(({ owned: place, position }) => offsetOf(place, position.next))
    await put(records, [...offsets, ...fencingOffsets(changes, offsets)], check)
    apply(changes)
  }

  /** Nobody knows what became of a transaction that failed: from then on the changelogs may hold more than the stores. */
  async function put(records: readonly Output[], offsets: readonly TopicPartitionOffset[], check: () => void) {
    try {
      await transactions.commit(records, offsets, membership.consumer, check)
    } catch (error) {
      uncertain = true
      if (error instanceof Fenced && isFenced(error.cause)) options.onReplaced()
      throw error
    }
  }

  /** Offsets are what the broker checks membership by, and what the next owner of a partition waits for before it reads
   *  the changelog. So where only the state of a partition changes, an offset of it is told again. */
  function fencingOffsets(changes: readonly StateChange[], offsets: readonly TopicPartitionOffset[]) {
    const missing = new Set(changes.map(({ scope }) => scope.partition))
    for (const { partition } of offsets) missing.delete(partition)
    return [...missing].flatMap((partition) => {
      const place = owned.partitions.get(partition)?.places[0]
      return place ? [offsetOf(place, place.committed)] : []
    })
  }

  function progressOutput(position: Position, count: number, nowMs: number): Output {
    return {
      topic: names.progress(group),
      partition: 0,
      key: Buffer.from(nameOf(position)),
      value: encodeProgress(position, count),
      headers: {},
      timestampMs: nowMs,
    }
  }

  /** A store that went with its partition meanwhile gets the changes from the changelog when it comes back. */
  function apply(changes: readonly StateChange[]): void {
    const byStore = new Map<ScopeStore, StateChange[]>()
    for (const change of changes) {
      const store = owned.store(change.scope)
      if (!store) continue
      const own = byStore.get(store)
      if (own) own.push(change)
      else byStore.set(store, [change])
    }
    for (const [store, own] of byStore) {
      store.apply(own)
      changed.add(store)
    }
  }

  /** True: there is more to be forgotten. */
  async function tidyUp(): Promise<boolean> {
    const nowMs = Date.now()
    const places = [...owned.partitions.values()].flatMap((holding) => holding.places)
    const due = places.flatMap((place) => dueOffset(place, nowMs) ?? [])
    const changes = expiredChanges(nowMs)
    if (due.length === 0 && changes.length === 0) return false
    const still = () => owned.check({ outputs: [], changes, positions: [], durable: false })
    const records = changes.map((change) => changeOutput(names.changelog(group, change.scope.lane), change, nowMs))
    const offsets = due.map(({ place, offset }) => offsetOf(place, offset))
    await put(records, [...offsets, ...fencingOffsets(changes, offsets)], still)
    apply(changes)
    for (const { place, offset } of due) {
      place.committed = offset
      place.committedAtMs = nowMs
    }
    return changes.length === maxExpired
  }

  function expiredChanges(nowMs: number): StateChange[] {
    const changes: StateChange[] = []
    for (const { partition, stores } of owned.partitions.values()) {
      for (const [lane, store] of stores) {
        const scope: Scope = { lane, partition }
        for (const key of store.expired(nowMs, maxExpired - changes.length)) {
          changes.push({ scope, key, value: null, expiresAtMs: null })
        }
      }
    }
    return changes
  }

  async function markStores(): Promise<void> {
    markedMs = performance.now()
    const due = [...owned.partitions.values()].flatMap(({ partition, stores }) =>
      [...stores]
        .filter(([, store]) => changed.has(store))
        .map(([lane, store]) => ({ topic: names.changelog(group, lane), lane, partition, store })),
    )
    changed.clear()
    if (due.length === 0 || uncertain) return
    const ends = await endOffsets(probe, due).catch((error: unknown) => {
      for (const { store } of due) changed.add(store)
      throw error
    })
    // What was written before the question was asked is in the stores when the commit under way has ended well.
    await last
    if (uncertain) return
    const atMs = Date.now()
    for (const place of due) {
      const offset = ends.get(placeName(place))
      if (offset !== undefined && owned.store(place) === place.store) place.store.apply([], { offset, atMs })
    }
  }
}

/** An offset to commit though no record was acked. */
function dueOffset(place: OwnedPlace, nowMs: number): { place: OwnedPlace; offset: number } | null {
  const { source, committed, committedAtMs, acked, next } = place
  const end = source.end()
  if (acked && next === source.readTo && end > committed) return { place, offset: end }
  if (committedAtMs > 0 && nowMs - committedAtMs > tellAgainMs) return { place, offset: committed }
  return null
}
