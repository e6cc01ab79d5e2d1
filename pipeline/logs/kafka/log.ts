/** The log on Kafka. A way is a topic; a group's offsets, its outputs and its state commit in one transaction.
 *
 *  Offsets of a partition grow but have holes: each transaction leaves a mark. One process has one such log, on its main
 *  thread, and starts with UV_THREADPOOL_SIZE at 4 + 3 for each client: every call of the library holds a thread. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaConsumer, Message } from 'node-rdkafka'
import { mergeMap, Observable } from 'rxjs'
import { type Topic, topicsOf } from '../../../schemas/streams.js'
import {
  type Assignment,
  type CountState,
  Fenced,
  type JoinOptions,
  type Log,
  type LogRecord,
  type TailOptions,
} from '../../engine/log.js'
import { nameOf } from '../../engine/topic-partition.js'
import { openAppender } from './appender.js'
import { ChannelsOverlap, checkChannels, clientOf, memberOf } from './channel-sets.js'
import { disconnect, kafkaClients } from './clients.js'
import { groupProgressCache } from './group-progress.js'
import { loadKafka } from './library.js'
import { type KafkaLogOptions, LogUnusable } from './log-options.js'
import type { KafkaMember } from './member.js'
import { memberIds } from './member-ids.js'
import { kafkaNames } from './names.js'
import { committedOffsets, endOffsets, placeName } from './offsets.js'
import { openMember } from './open-member.js'
import { tailMessages } from './tail.js'
import { logRecord } from './wire.js'

export interface KafkaLog extends Log {
  readonly countState: CountState
  join(options: JoinOptions): Promise<KafkaMember>
}

/** With a slot a process that comes back takes its own partitions again at once, so others need not be quick. */
const staticSessionTimeoutMs = 45_000
const dynamicSessionTimeoutMs = 10_000
const staticTransactionTimeoutMs = 60_000
const dynamicTransactionTimeoutMs = 10_000
const revokeTimeoutDefaultMs = 30_000
const deleteRetentionDefaultMs = 24 * 60 * 60 * 1000
/** Calls that never come back take a thread each. */
const maxStuckCalls = 4
/** Positions of other processes are asked for so often, while somebody listens. */
const askEveryMs = 100

/** Opens the log. Rejects with `KafkaMissing`, or `Unavailable` when no broker answers. */
export async function openKafkaLog(options: KafkaLogOptions): Promise<KafkaLog> {
  const { partitions, slot = null, watchedGroups = ['deliver'], statelessGroups = [], observer } = options
  const clients = kafkaClients(await loadKafka(), options.connection, observer)
  const names = kafkaNames(options.prefix)
  const appender = await openAppender(clients, names)
  const probe = await clients
    .reader(names.group('probe'), { 'isolation.level': 'read_uncommitted' })
    .catch(async (error: unknown) => {
      await appender.close()
      throw error
    })
  const readers = new Map<string, Promise<KafkaConsumer>>()
  const members = new Set<KafkaMember>()
  const tails = new Set<Promise<void>>()
  /** Places somebody asked about, by group: what is worth asking the broker for. */
  const asked = new Map<string, Map<string, Assignment>>()
  const ids = memberIds(options.stateFolder)
  let closed = false
  let unusable: LogUnusable | null = null
  let stuckCalls = 0
  let closing: Promise<void> | null = null
  const groupProgress = groupProgressCache((group) =>
    watchedGroups.includes(group) ? watchProgress(group) : watchOffsets(group),
  )

  const readerOf = (group: string): Promise<KafkaConsumer> => {
    const reader = readers.get(group) ?? clients.reader(names.group(group))
    readers.set(group, reader)
    reader.catch(() => readers.delete(group))
    return reader
  }
  const track = (ending: Promise<void>): void => {
    tails.add(ending)
    void ending.finally(() => tails.delete(ending))
  }
  const keeper = { track, isClosed: () => closed }
  const note = (group: string, place: Assignment): void => {
    const places = asked.get(group) ?? new Map<string, Assignment>()
    asked.set(group, places.set(nameOf(place), place))
  }

  return {
    partitions,
    append: (records) => appender.append(records),
    join,
    tail: tailOf,
    unacked(group, place) {
      note(group, place)
      const known = groupProgress.progress(group, place)
      return known ? Math.max(0, groupProgress.end(place) - known.next - known.ackedAhead.length) : 0
    },
    acked(group, place) {
      note(group, place)
      return groupProgress.progress(group, place)?.count ?? 0
    },
    acks: (group) => groupProgress.acks(group),
    countState(group, ranges, most) {
      let count = 0
      for (const member of members) if (member.group === group) count += member.countState(ranges, most - count)
      return count
    },
    async ask() {
      await endOffsets(
        probe,
        topicsOf('notifications.status').map((topic) => topicPlace({ topic, partition: 0 })),
      )
    },
    close() {
      closing ??= closeAll()
      return closing
    },
  }

  async function closeAll(): Promise<void> {
    closed = true
    for (const member of members) await member.leave()
    await Promise.all(tails)
    await appender.close()
    for (const reader of [Promise.resolve(probe), ...readers.values()]) {
      await reader.then(disconnect).catch(() => undefined)
    }
  }

  function giveUp(code: LogUnusable['code'], message: string): void {
    if (unusable) return
    unusable = new LogUnusable(code, message)
    options.onUnusable?.(unusable)
  }

  function replaced(): void {
    if (slot !== null) giveUp('slot-taken', `Another process runs in slot ${slot}. Each needs one of its own.`)
  }

  function stuck(): void {
    if (++stuckCalls >= maxStuckCalls) giveUp('library-stuck', 'Calls of the Kafka library do not come back')
  }

  /** Where Kafka cannot be asked who else is there, that is no reason to stand still. */
  async function admit(group: string, topics: readonly Topic[], sessionMs: number): Promise<void> {
    await checkChannels(options.connection, names.group(group), topics, sessionMs).catch((error: unknown) => {
      if (!(error instanceof ChannelsOverlap)) return
      giveUp(error.code, error.message)
      throw error
    })
  }

  async function join({ group, topics }: JoinOptions): Promise<KafkaMember> {
    if (unusable) throw new Fenced(unusable.message, { cause: unusable })
    const { stateFolder, sessionTimeoutMs, revokeTimeoutMs, deleteRetentionMs, onRestore, beforeCommit } = options
    const isStatic = slot !== null
    const id = slot ?? ids.take(group)
    const name = memberOf(names.member(group, id), topics)
    const sessionMs = sessionTimeoutMs ?? (isStatic ? staticSessionTimeoutMs : dynamicSessionTimeoutMs)
    const member = await openMember({
      ...{
        clients,
        names,
        group,
        topics,
        groupProgress,
        probe,
        stateFolder,
        onRestore,
        observer,
        beforeCommit,
        isStatic,
      },
      ...{ name, clientId: clientOf(name, topics), admit: () => admit(group, topics, sessionMs) },
      onReplaced: replaced,
      onStuck: stuck,
      // Half, for what is deleted while a store is restored.
      maxStoreAgeMs: (deleteRetentionMs ?? deleteRetentionDefaultMs) / 2,
      tellsProgress: watchedGroups.includes(group),
      stateful: !statelessGroups.includes(group),
      sessionTimeoutMs: sessionMs,
      transactionTimeoutMs: isStatic ? staticTransactionTimeoutMs : dynamicTransactionTimeoutMs,
      revokeTimeoutMs: revokeTimeoutMs ?? revokeTimeoutDefaultMs,
    }).catch((error: unknown) => {
      ids.free(group, id)
      throw error
    })
    const leave = async (): Promise<void> => {
      await member.leave()
      members.delete(joined)
      ids.free(group, id)
    }
    const joined: KafkaMember = { ...member, leave }
    members.add(joined)
    return joined
  }

  function tailOf(topic: Topic, tail?: TailOptions): Observable<LogRecord> {
    return tailMessages(clients, names.group('tail'), names.nameOf(topic), partitions, keeper, tail).pipe(
      mergeMap((messages) => messages.map((message) => logRecord(message, topic))),
    )
  }

  /** What the members of a watched group tell with every commit. */
  function watchProgress(group: string): Observable<readonly Message[]> {
    return new Observable((subscriber) => {
      const ends = watchEnds(group)
      subscriber.add(() => ends.unsubscribe())
      return tailMessages(clients, names.group('tail'), names.progress(group), 1, keeper).subscribe(subscriber)
    })
  }

  function watchEnds(group: string) {
    return regularly(async () => {
      const places = [...(asked.get(group)?.values() ?? [])]
      const ends = await endOffsets(probe, places.map(topicPlace))
      for (const place of places) groupProgress.noteEnd(place, ends.get(placeName(topicPlace(place))) ?? 0)
    }).subscribe()
  }

  /** What other groups have committed. */
  function watchOffsets(group: string): Observable<readonly Message[]> {
    return regularly(async () => {
      const places = [...(asked.get(group)?.values() ?? [])]
      if (places.length === 0) return
      const ends = await endOffsets(probe, places.map(topicPlace))
      const committed = await committedOffsets(await readerOf(group), places.map(topicPlace))
      groupProgress.heard(
        group,
        places.flatMap((place) => {
          const name = placeName(topicPlace(place))
          groupProgress.noteEnd(place, ends.get(name) ?? 0)
          const next = committed.get(name)
          return next === undefined ? [] : { place, next }
        }),
      )
    })
  }

  function topicPlace({ topic, partition }: Assignment) {
    return { topic: names.nameOf(topic), partition }
  }

  /** Asks now and again, while somebody listens; emits nothing. */
  function regularly(ask: () => Promise<void>): Observable<never> {
    return new Observable((subscriber) => {
      const run = async (): Promise<void> => {
        while (!subscriber.closed && !closed) {
          // What cannot be asked now is asked again: what is known stays.
          await ask().catch(() => undefined)
          await sleep(askEveryMs)
        }
      }
      track(run())
    })
  }
}
