/** Takes partitions over: asks where the group stands, and brings the state up to it.
 *
 *  The committed offsets come first: asking for them waits for transactions of the last owner that are about to commit.
 *  What the changelog and the progress hold after that is all there is. */
import type { KafkaConsumer } from 'node-rdkafka'
import type { Lane, Topic } from '../../../schemas/streams.js'
import type { Assignment } from '../../engine/log.js'
import { laneOf, nameOf } from '../../engine/topic-partition.js'
import { type Holding, openStores, ownedPlace } from './assigned-partitions.js'
import { type RestoreProgress, restore } from './changelog.js'
import { type Clients, disconnect } from './clients.js'
import type { GroupProgress } from './group-progress.js'
import type { LaneFeed } from './lane-feed.js'
import type { Names } from './names.js'
import { committedOffsets, endOffsets, type Offsets, placeName, startOffsets } from './offsets.js'
import { type Progress, type ProgressByPlace, readProgress } from './progress.js'
import type { ScopeStore } from './scope-store.js'
import type { KafkaObserver } from './statistics.js'

export interface PartitionRestoreOptions {
  readonly clients: Clients
  readonly names: Names
  readonly group: string
  readonly topics: readonly Topic[]
  /** False: the group keeps no state, and has no changelogs. */
  readonly stateful: boolean
  readonly stateFolder: string
  readonly maxStoreAgeMs: number
  readonly groupProgress: GroupProgress
  readonly feeds: ReadonlyMap<Lane, LaneFeed>
  /** Sees uncommitted offsets too. */
  readonly probe: KafkaConsumer
  readonly onRestore?: ((progress: RestoreProgress) => void) | undefined
  readonly observer?: KafkaObserver | undefined
}

/** Partitions ready to be read. Null when they were cancelled meanwhile. */
export async function restorePartitions(
  options: PartitionRestoreOptions,
  member: KafkaConsumer,
  partitions: readonly number[],
  isCancelled: () => boolean,
): Promise<readonly Holding[] | null> {
  const { names, topics, group, stateful, stateFolder, probe, feeds, groupProgress, observer } = options
  const places = partitions.flatMap((partition) => topics.map((topic) => ({ topic, partition })))
  const topicPlaces = places.map(({ topic, partition }) => ({ topic: names.nameOf(topic), partition }))
  const committed = await committedOffsets(member, topicPlaces)
  const ends = await endOffsets(probe, topicPlaces)
  const starts = await startOffsets(probe, topicPlaces)
  const progress = await progressOf(options)
  if (isCancelled()) return null
  const stores = new Map(
    partitions.map((partition) => [
      partition,
      openStores(stateFolder, group, partition, stateful ? topics : [], observer?.stateWritten),
    ]),
  )
  const closeAll = () => {
    for (const own of stores.values()) for (const store of own.values()) store.close()
  }
  try {
    await restoreAll(options, stores, isCancelled)
  } catch (error) {
    closeAll()
    throw error
  }
  if (isCancelled()) {
    closeAll()
    return null
  }
  return partitions.map((partition) => ({
    partition,
    stores: stores.get(partition) ?? new Map<Lane, ScopeStore>(),
    places: topics.map((topic) => {
      const place = { topic, partition }
      const name = placeName({ topic: names.nameOf(topic), partition })
      const standing = standingOf(place, name, committed, starts, progress)
      const firstDeliveryFrom = ends.get(name) ?? Number.POSITIVE_INFINITY
      groupProgress.note(group, place, standing)
      groupProgress.noteEnd(place, ends.get(name) ?? 0)
      const { next, ackedAhead } = standing
      const source = feeds.get(laneOf(topic))?.add(place, next, ackedAhead)
      if (!source) throw new Error(`No feed reads ${nameOf(place)}`)
      return ownedPlace(source, { ...place, next, ackedAhead, firstDeliveryFrom }, standing, committed.has(name))
    }),
  }))
}

function standingOf(
  place: Assignment,
  name: string,
  committed: Offsets,
  starts: Offsets,
  progress: ProgressByPlace,
): Progress {
  const low = starts.get(name) ?? 0
  const next = Math.max(committed.get(name) ?? low, low)
  const told = progress.get(nameOf(place))
  const ackedAhead = told?.ackedAhead.filter((offset) => offset >= next) ?? []
  return { next, ackedAhead, count: told?.count ?? next }
}

async function progressOf({ clients, names, group, probe }: PartitionRestoreOptions): Promise<ProgressByPlace> {
  const place = { topic: names.progress(group), partition: 0 }
  const end = (await endOffsets(probe, [place])).get(placeName(place)) ?? 0
  if (end === 0) return new Map()
  const reader = await clients.reader(names.group(group), { 'enable.partition.eof': true })
  try {
    return await readProgress(reader, place.topic, end)
  } finally {
    await disconnect(reader)
  }
}

async function restoreAll(
  { clients, names, group, probe, maxStoreAgeMs, onRestore }: PartitionRestoreOptions,
  stores: ReadonlyMap<number, ReadonlyMap<Lane, ScopeStore>>,
  isCancelled: () => boolean,
): Promise<void> {
  const scopes = [...stores].flatMap(([partition, own]) =>
    [...own].map(([lane, store]) => ({ topic: names.changelog(group, lane), partition, store })),
  )
  const groupId = names.group(group)
  await restore(clients, scopes, { group, groupId, probe, maxAgeMs: maxStoreAgeMs, onProgress: onRestore, isCancelled })
}
