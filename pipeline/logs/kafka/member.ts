/** A member of a group on Kafka: a consumer for each lane, a place in the group, and a transactional producer.
 *
 *  Invariants: one transaction at a time; what a revoke takes stays until the worker has acked it or a bound passes,
 *  and is then refused; local state is written only after Kafka's commit. After a failure the member does nothing more:
 *  it is left, and a new one begins at what is committed. */
import { BehaviorSubject } from 'rxjs'
import { type Lane, lanes, type Topic } from '../../../schemas/streams.js'
import { shareOut } from '../../engine/lanes.js'
import { type Assignment, Fenced, type LogRecord, type Member, pollBytes, type Transaction } from '../../engine/log.js'
import { nameOf } from '../../engine/topic-partition.js'
import { assignedPartitions } from './assigned-partitions.js'
import { type Committer, type CommitterOptions, committer } from './committer.js'
import type { LaneFeed } from './lane-feed.js'
import { enterGroup } from './membership.js'
import { type PartitionRestoreOptions, restorePartitions } from './restore.js'
import type { Transactions } from './transactions.js'

export interface MemberOptions
  extends Omit<PartitionRestoreOptions, 'feeds'>,
    Pick<CommitterOptions, 'tellsProgress' | 'onReplaced'> {
  readonly feeds: ReadonlyMap<Lane, LaneFeed>
  readonly transactions: Transactions
  /** Unique among running members. */
  readonly name: string
  readonly clientId: string
  /** Asked before partitions are taken over; rejects where they must not be. */
  admit(): Promise<void>
  readonly isStatic: boolean
  readonly sessionTimeoutMs: number
  /** How long a revoke may be held. */
  readonly revokeTimeoutMs: number
  /** Of the first of its ways: its partitions lead those of the others. */
  readonly leadingTopic: Topic
}

/** A member, and what only a test may do to it: `crash`. */
export interface KafkaMember extends Member {
  readonly group: string
  /** How many entries of its state lie in the ranges, from a key to a key; counted up to `most`. */
  countState(ranges: readonly (readonly [string, string])[], most: number): number
  /** Gone without a word: nothing is acked, its polls never answer again. */
  crash(): Promise<void>
}

/** A commit that is under way is waited for before partitions go, but not longer. */
const commitPatienceMs = 20_000

/** A call reads who the member is when it begins. One that then never comes back does not need the consumer any more. */
const quietPatienceMs = 2000

type Presence = 'here' | 'left' | 'crashed'

/** Joins; `assignments` tells what it gets. */
export async function kafkaMember(options: MemberOptions): Promise<KafkaMember> {
  const { group, names, feeds, topics } = options
  const assignments = new BehaviorSubject<readonly Assignment[]>([])
  const owned = assignedPartitions(group, feeds)
  /** Partitions whose takeover is under way; a token for each takeover. */
  const coming = new Map<number, object>()
  const leaving = new Set<number>()
  let ack = async (_: readonly Assignment[]): Promise<void> => undefined
  let presence: Presence = 'here'
  let failure: { readonly error: unknown } | null = null
  let commits: Committer | null = null
  let departed: Promise<void> | null = null

  const fail = (error: unknown): void => {
    failure ??= { error }
  }
  const placesOf = (partitions: readonly number[]): Assignment[] =>
    topics.flatMap((topic) => partitions.map((partition) => ({ topic, partition })))
  const tell = (): void => assignments.next(placesOf([...owned.partitions.keys()].sort((a, b) => a - b)))
  const membership = await enterGroup(options.clients, {
    group: names.group(group),
    topic: names.nameOf(options.leadingTopic),
    clientId: options.clientId,
    instanceId: options.isStatic ? options.name : null,
    sessionTimeoutMs: options.sessionTimeoutMs,
    assigned: (partitions) => void assigned(partitions),
    revoked,
    failed: fail,
    replaced: options.onReplaced,
  })
  const committing = committer({ ...options, owned, membership })
  commits = committing
  const upkeep = keepUp(committing, () => presence === 'here' && failure === null, fail)

  return {
    assignments,
    start(assignment) {
      const found = owned.place(assignment)
      if (!found) throw new Fenced(`${nameOf(assignment)} is not this member's in ${group}`)
      return found.start
    },
    async poll(max, waitMs) {
      const deadline = performance.now() + waitMs
      for (;;) {
        if (presence === 'crashed') return new Promise(() => undefined)
        if (failure) throw failure.error
        if (presence === 'left') return []
        await Promise.all([...feeds.values()].map((feed) => feed.refresh()))
        const records = presence === 'here' ? readShared(feeds, max) : []
        if (records.length > 0) return records
        const leftMs = deadline - performance.now()
        if (leftMs <= 0) return []
        await Promise.race([...feeds.values()].map((feed) => feed.wait(leftMs)))
      }
    },
    async commit(transaction) {
      await committing.commit(transaction, () => checkOurs(transaction))
    },
    get: (scope, key) => owned.store(scope)?.get(key),
    range: (scope, from, to, limit) => owned.store(scope)?.range(from, to, limit) ?? [],
    group,
    countState: owned.countState,
    onRevoke(callback) {
      ack = callback
    },
    leave: () => depart('left'),
    crash: () => depart('crashed'),
  }

  function checkOurs(transaction: Transaction): void {
    if (presence !== 'here') throw new Fenced(`This member of ${group} is no longer in its group`)
    if (failure) throw failure.error
    owned.check(transaction)
  }

  async function assigned(partitions: readonly number[]): Promise<void> {
    const token = {}
    for (const partition of partitions) coming.set(partition, token)
    const stillComing = () => partitions.filter((partition) => coming.get(partition) === token)
    try {
      await options.admit()
      // A part that is revoked meanwhile cancels the rest as well, which is then taken over again.
      for (let wanted = stillComing(); wanted.length > 0 && presence === 'here'; wanted = stillComing()) {
        const isCancelled = () => presence !== 'here' || stillComing().length < wanted.length
        const taken = await restorePartitions({ ...options, feeds }, membership.consumer, wanted, isCancelled)
        if (!taken) continue
        for (const holding of taken) owned.expose(holding)
        for (const partition of wanted) coming.delete(partition)
        tell()
      }
    } catch (error) {
      fail(error)
    }
  }

  async function revoked(partitions: readonly number[]): Promise<void> {
    for (const partition of partitions) coming.delete(partition)
    const exposed = partitions.filter((partition) => owned.partitions.has(partition))
    if (exposed.length === 0) return
    owned.stopReading(exposed)
    for (const partition of exposed) leaving.add(partition)
    if (presence === 'here' && failure === null) {
      await atMost(
        options.revokeTimeoutMs,
        ack(placesOf(exposed)).catch(() => undefined),
      )
    }
    await atMost(commitPatienceMs, commits?.idle() ?? Promise.resolve())
    if (presence === 'here' && failure === null) await commits?.markStores().catch(() => undefined)
    for (const partition of exposed) leaving.delete(partition)
    owned.drop(exposed)
    tell()
  }

  function depart(how: Exclude<Presence, 'here'>): Promise<void> {
    departed ??= goAway(how)
    return departed
  }

  async function goAway(how: Exclude<Presence, 'here'>): Promise<void> {
    const healthy = failure === null
    presence = how
    await upkeep.stop()
    await committing.idle()
    if (how === 'left' && healthy) await committing.markStores().catch(() => undefined)
    coming.clear()
    owned.drop([...owned.partitions.keys()])
    tell()
    await Promise.all([...feeds.values()].map((feed) => feed.close()))
    await atMost(quietPatienceMs, options.transactions.quiet())
    await membership.leave()
    await options.transactions.close()
  }
}

/** Runs what is due now and then, until it is stopped. */
function keepUp(committing: Committer, isWell: () => boolean, fail: (error: unknown) => void) {
  const everyMs = 1000
  let working: Promise<void> | null = null
  const timer = setInterval(() => {
    if (working || !isWell()) return
    working = committing
      .tidy()
      .catch(fail)
      .finally(() => {
        working = null
      })
  }, everyMs)
  timer.unref()
  return {
    async stop() {
      clearInterval(timer)
      await working
    },
  }
}

function readShared(feeds: ReadonlyMap<Lane, LaneFeed>, max: number): LogRecord[] {
  const waiting = { high: 0, normal: 0, low: 0 }
  for (const [lane, feed] of feeds) waiting[lane] = feed.waiting()
  const quota = shareOut(max, waiting)
  const records: LogRecord[] = []
  let bytesLeft: number = pollBytes
  // However large the records of the higher ones are, every lane gives one.
  for (const lane of lanes) bytesLeft -= feeds.get(lane)?.take(quota[lane], Math.max(1, bytesLeft), records) ?? 0
  return records
}

/** False: it took longer. */
async function atMost(waitMs: number, work: Promise<unknown>): Promise<boolean> {
  let late: NodeJS.Timeout | undefined
  const ended = await Promise.race([
    work.then(() => true),
    new Promise<boolean>((resolve) => {
      late = setTimeout(() => resolve(false), waitMs)
    }),
  ])
  clearTimeout(late)
  return ended
}
