/** Counts what a run lost and what it did twice: at the stub provider, in each topic and in the record store. */
import { createCodec } from '../pipeline/engine/codec.js'
import type { LogRecord } from '../pipeline/engine/log.js'
import { Database } from '../pipeline/logs/sqlite/database.js'
import { openLogTables } from '../pipeline/logs/sqlite/log-tables.js'
import { segmentReader } from '../pipeline/logs/sqlite/segment-reader.js'
import { finalStatusList } from '../pipeline/stores/sqlite/record-row.js'
import type { EventName, EventOf } from '../schemas/avro.js'
import { type TopicName, topics, waysOf } from '../schemas/topics.js'
import { benchChannels, deliveryKey } from './notifications.js'
import type { StubReport } from './stub-provider.js'

export interface Tally {
  /** Notifications accepted that are missing in at least one place. */
  readonly lost: number
  /** Calls, and records of topics, that stand for none or for one that was there before; of all places. */
  readonly duplicates: number
  /** The same by place. */
  readonly places: readonly Place[]
}

interface Place {
  readonly name: string
  readonly missing: number
  readonly extra: number
}

/** Each must hold every notification exactly once. */
export const counted = [
  'notifications.requested',
  'notifications.accepted',
  'notifications.rendered',
  'deliveries.routed',
  'deliveries.released',
] as const satisfies readonly TopicName[]
const readAtOnce = 1000

/** Looks into the file of an engine that has closed. */
export function tallyRun(databaseFile: string, accepted: readonly string[], stub: StubReport): Tally {
  const database = new Database(databaseFile)
  try {
    const tally = tallyOf(accepted)
    tally.count('stub provider', [...stub.firstAtMs.keys()].map(notificationOf), stub.repeats)
    for (const topic of counted) tally.count(topic, idsOn(database, topic))
    tally.count('record store', endedIn(database))
    return tally.total()
  } finally {
    database.close()
  }
}

/** Compares places with what was accepted. */
export function tallyOf(accepted: readonly string[]) {
  const lost = new Set<string>()
  const places: Place[] = []
  return {
    /** `repeats`: what stood there a second time and is not among `ids`. */
    count(name: string, ids: Iterable<string>, repeats = 0): void {
      const missing = new Set(accepted)
      let extra = repeats
      for (const id of ids) if (!missing.delete(id)) extra++
      for (const id of missing) lost.add(id)
      places.push({ name, missing: missing.size, extra })
    },
    total: (): Tally => ({
      lost: lost.size,
      duplicates: places.reduce((sum, { extra }) => sum + extra, 0),
      places,
    }),
  }
}

/** The notification whose delivery the provider was called for; the key itself where it is none of the bench's. */
export function notificationOf(key: string): string {
  const id = key.slice(0, key.indexOf('.'))
  return benchChannels.some((channel) => deliveryKey(id, channel) === key) ? id : key
}

export function* idsOn(database: Database, topic: (typeof counted)[number]): Iterable<string> {
  const codec = createCodec()
  const tables = openLogTables(database)
  const events: readonly EventName[] = topics[topic].events
  for (const way of waysOf(topic)) {
    const reader = segmentReader(tables, tables.partition(way, 0), 0, null)
    for (let records = reader.read(readAtOnce); records.length > 0; records = reader.read(readAtOnce)) {
      for (const record of records) {
        const event = decoded(record)
        if (isFirstTry(event)) yield idOf(event)
      }
    }
  }

  function decoded(record: LogRecord): EventOf<EventName> {
    return codec.decode(record, events)
  }
}

/** What is tried again goes through the last two topics again: there the first tries count. */
export function isFirstTry({ value }: EventOf<EventName>): boolean {
  return !('delivery' in value) || value.delivery.attempts.length + value.delivery.deferrals === 0
}

/** The notification of an event of the counted topics. */
export function idOf(event: EventOf<EventName>): string {
  switch (event.event) {
    case 'notification-requested':
      return event.value.id
    case 'notification-accepted':
    case 'notification-rendered':
      return event.value.request.id
    case 'delivery-routed':
    case 'delivery-released':
      return event.value.delivery.notificationId
    default:
      return `a ${event.event}`
  }
}

function* endedIn(database: Database): Iterable<string> {
  const select = database.prepare(`SELECT id FROM store_records WHERE status IN (${finalStatusList})`)
  for (const row of select.iterate()) yield (row as { id: string }).id
}
