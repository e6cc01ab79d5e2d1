/** The lag of every group on Kafka, asked from the brokers alone. A round is, whatever the number of partitions: where the
 *  groups stand; two questions of librdkafka, for where partitions begin and end; and the reading of those oldest records
 *  that are new as such. */
import type { KafkaConsumer, TopicPartition } from 'node-rdkafka'
import { Unavailable } from '../../../schemas/errors.js'
import { type Topic, topicsOf } from '../../../schemas/streams.js'
import type { WorkerName } from '../../../stages/stage.js'
import type { KafkaConfig } from '../../config/kafka.js'
import type { LagReader, LagReading, PartitionLag } from '../../engine/lag-reading.js'
import { inputs, workerNames } from '../../engine/topology.js'
import { type KafkaAdmin, openKafkaAdmin } from './admin.js'
import { disconnect, kafkaClients } from './clients.js'
import { knownStretches, type Stretch } from './lag-known.js'
import { codeOf, type KafkaConnection, loadKafka, NoAnswer } from './library.js'
import { kafkaNames, type Names } from './names.js'
import { endOffsets, type Offsets, placeName, startOffsets } from './offsets.js'
import { type OldestRecords, openOldestRecords } from './oldest-records.js'

interface Place extends TopicPartition {
  readonly stage: WorkerName
  readonly source: Topic
}

interface OpenClients {
  readonly probe: KafkaConsumer
  readonly oldest: OldestRecords
}

/** For reading oldest records in a round. Those it did not come to are read in the next. */
const readMostMs = 3000
/** How long topics keep records is asked so seldom, unless it is not known. */
const retentionAgeMs = 300_000
/** No second try: the next round is one. */
const tries = 1
const ever = -1
/** librdkafka's and the protocol's words for a partition that is not there. */
const missingCodes: ReadonlySet<number> = new Set([-190, -188, 3])
const missingText = 'Topics are missing, or have fewer partitions than kafka.partitions says.'

/** Asks what `inputs` says that there is. It connects with its first round. */
export function kafkaLagReader(
  { connection, prefix, partitions }: Pick<KafkaConfig, 'connection' | 'prefix' | 'partitions'>,
  nowMs: () => number = Date.now,
): LagReader {
  const names = kafkaNames(prefix)
  const places = workerNames.flatMap((stage) =>
    topicsOf(inputs[stage]).flatMap((source) =>
      Array.from(
        { length: partitions },
        (_, partition): Place => ({ stage, source, topic: names.nameOf(source), partition }),
      ),
    ),
  )
  const known = knownStretches()
  const retention = retentionQuestions([...new Set(places.map(({ topic }) => topic))])
  const groupPlaces = new Map(
    workerNames.map((stage) => [names.group(stage), places.filter((place) => place.stage === stage)]),
  )
  let asking: Promise<KafkaAdmin> | null = null
  let opened: Promise<OpenClients> | null = null
  let reading: Promise<LagReading> | null = null
  let closed = false

  return {
    names: { cluster: clusterName(prefix), group: names.group, nameOf: names.nameOf },
    async read() {
      if (closed) throw new Unavailable('The reader of lag is closed.')
      if (reading) throw new Unavailable('Kafka was asked for the lag before, and has not answered yet.')
      reading = round().finally(() => {
        reading = null
      })
      return reading
    },
    async close() {
      closed = true
      await reading?.catch(() => undefined)
      await Promise.all([closeAdmin(), closeClients()])
    },
  }

  async function round(): Promise<LagReading> {
    try {
      const { members, committed, kept } = await askGroups()
      const clients = await openClients()
      // After the commits, which so lie before the ends.
      const [ends, starts] = await Promise.all([
        endOffsets(clients.probe, places, tries),
        startOffsets(clients.probe, places, tries),
      ])
      const asked = places.flatMap((place) => {
        const stretch = stretchOf(place, committed.get(names.group(place.stage)), starts, ends)
        return stretch ? [{ place, name: placeName(place), stretch }] : []
      })
      await readOldest(clients.oldest, asked)
      const found = asked.map(({ place: { stage, source, partition }, name, stretch }): PartitionLag => {
        return { stage, topic: source, partition, ...stretch, ...known.waiting(name, stretch) }
      })
      const missing = places.filter((place) => !ends.has(placeName(place)) || !starts.has(placeName(place)))
      return {
        atMs: nowMs(),
        partitions: found,
        incomplete: new Set(missing.map(({ stage }) => stage)),
        members: new Map(workerNames.map((stage) => [stage, members.get(names.group(stage))?.length ?? 0])),
        retentionMs: (source) => kept.get(names.nameOf(source)),
      }
    } catch (error) {
      if (isStuck(error)) void closeClients()
      throw isMissing(error) ? new Unavailable(missingText, { cause: error }) : error
    }
  }

  async function askGroups() {
    asking ??= openKafkaAdmin(connection)
    try {
      const admin = await asking
      const [members, committed, kept] = await Promise.all([
        admin.memberClients([...groupPlaces.keys()]),
        admin.committed(groupPlaces),
        retention.ask(admin),
      ])
      return { members, committed, kept }
    } catch (error) {
      await closeAdmin()
      throw error
    }
  }

  async function closeAdmin(): Promise<void> {
    const admin = await asking?.catch(() => null)
    asking = null
    await admin?.close()
  }

  async function readOldest(
    oldest: OldestRecords,
    asked: readonly { readonly place: Place; readonly name: string; readonly stretch: Stretch }[],
  ): Promise<void> {
    const unknown = asked.flatMap(({ place: { topic, partition }, name, stretch }) => {
      const offset = known.unknownFrom(name, stretch)
      return offset === null ? [] : [{ topic, partition, offset }]
    })
    const found = await oldest.read(unknown, readMostMs)
    for (const { name, stretch } of asked) {
      const first = found.get(name)
      if (first) known.note(name, stretch, first, nowMs())
    }
  }

  function openClients(): Promise<OpenClients> {
    opened ??= open(connection, names)
    opened.catch(() => {
      opened = null
    })
    return opened
  }

  async function closeClients(): Promise<void> {
    const clients = await opened?.catch(() => null)
    opened = null
    if (clients) await Promise.all([disconnect(clients.probe), clients.oldest.close()])
  }
}

async function open(connection: KafkaConnection, names: Names): Promise<OpenClients> {
  const clients = kafkaClients(await loadKafka(), connection)
  const probe = await clients.reader(names.group('probe'), { 'isolation.level': 'read_uncommitted' })
  const oldest = await openOldestRecords(clients, names.group('probe')).catch(async (error: unknown) => {
    await disconnect(probe)
    throw error
  })
  return { probe, oldest }
}

/** How long each topic keeps records. A topic whose settings this user may not read is left out. */
function retentionQuestions(topics: readonly string[]) {
  let known: ReadonlyMap<string, number> = new Map()
  let knownMs = Number.NEGATIVE_INFINITY

  return {
    async ask(admin: KafkaAdmin): Promise<ReadonlyMap<string, number>> {
      if (performance.now() - knownMs < retentionAgeMs) return known
      const settings = await admin.topicSettings(topics, ['retention.ms'])
      const told = [...settings].flatMap(([topic, own]): [string, number][] => {
        const keptMs = Number(own.get('retention.ms') || Number.NaN)
        if (Number.isNaN(keptMs)) return []
        return [[topic, keptMs === ever ? Number.POSITIVE_INFINITY : keptMs]]
      })
      known = new Map(told)
      if (known.size === topics.length) knownMs = performance.now()
      return known
    },
  }
}

function stretchOf(place: Place, committed: Offsets | undefined, starts: Offsets, ends: Offsets): Stretch | null {
  const name = placeName(place)
  const start = starts.get(name)
  const end = ends.get(name)
  return start === undefined || end === undefined ? null : { committed: committed?.get(name) ?? null, start, end }
}

/** A prefix tells Carillons on one Kafka apart. */
function clusterName(prefix: string): string {
  return prefix.replace(/\.$/, '') || 'carillon'
}

/** A call of the library did not come back: its client must not be used any more. */
function isStuck(error: unknown): boolean {
  return error instanceof NoAnswer || (error instanceof Error && error.cause instanceof NoAnswer)
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && missingCodes.has(codeOf(error.cause))
}
