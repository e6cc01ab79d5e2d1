/** The compacted topic from which a lost state comes back: one for each group and lane, partitioned as the input.
 *
 *  Key: a letter and the state's key; value: the expiry in eight bytes (a double, big-endian, milliseconds since the
 *  epoch; NaN for none), then the state's bytes. Neither is ever empty: that would be read as none. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaConsumer, Message, TopicPartition } from 'node-rdkafka'
import { Unavailable } from '../../../schemas/errors.js'
import type { StateChange } from '../../../stages/stage.js'
import { type Clients, disconnect } from './clients.js'
import { answerOf, logError } from './library.js'
import { endOffsets, placeName, startOffsets } from './offsets.js'
import type { ScopeStore, StoredChange } from './scope-store.js'
import type { Output } from './transactions.js'
import { keyOf } from './wire.js'

const mark = 's'
const expiryBytes = 8
/** For the pages of all stores that restore together. */
const restoreCacheKilobytes = 32 * 1024
/** Records read in one call. */
const chunk = 1000
/** Changes of all stores, gathered in memory: many in one transaction, in the order of their keys, rewrite each page of
 *  the file fewer times. */
const gatheredBytes = 6 * 1024 * 1024
/** What a change takes beside its bytes, about. */
const changeBytes = 200
/** Of one partition in one fetch; a larger record comes alone. */
const fetchBytes = 256 * 1024
/** Nothing came for so long: the broker is away, or a transaction of a dead process is still open. */
const patienceMs = 90_000
const idleMs = 5
const reportEveryMs = 1000

/** How a restore goes. */
export interface RestoreProgress {
  readonly group: string
  /** Records read so far. */
  readonly records: number
  readonly perSecond: number
  /** Estimated; null before anything came. */
  readonly leftMs: number | null
}

/** A scope's store and its partition of the changelog. */
export interface Restorable extends TopicPartition {
  readonly store: ScopeStore
}

export interface RestoreOptions {
  readonly group: string
  /** Of the consumer that reads: it joins nothing. */
  readonly groupId: string
  /** Answers about offsets, uncommitted ones included. */
  readonly probe: KafkaConsumer
  /** A store that is older is rebuilt: what was deleted meanwhile may be gone from the changelog too. */
  readonly maxAgeMs: number
  readonly onProgress?: ((progress: RestoreProgress) => void) | undefined
  /** True: nobody needs it any more. */
  readonly isCancelled: () => boolean
}

/** A change as it is written. */
export function changeOutput(topic: string, change: StateChange, nowMs: number): Output {
  const { scope, key, value, expiresAtMs } = change
  return {
    topic,
    partition: scope.partition,
    key: Buffer.from(mark + key),
    value: value === null ? null : withExpiry(value, expiresAtMs),
    headers: {},
    timestampMs: nowMs,
  }
}

/** Brings the stores up to the changelogs as they stand now. Rejects with `Unavailable`. */
export async function restore(clients: Clients, scopes: readonly Restorable[], options: RestoreOptions): Promise<void> {
  const { probe, maxAgeMs, groupId } = options
  const [ends, starts] = [await endOffsets(probe, scopes), await startOffsets(probe, scopes)]
  const behind = scopes.filter((scope) => {
    const end = ends.get(placeName(scope)) ?? 0
    const { offset, atMs } = scope.store.mark()
    const stale = offset > 0 && Date.now() - atMs > maxAgeMs
    if (offset > end || offset < (starts.get(placeName(scope)) ?? 0) || stale) scope.store.clear()
    if (offset === end && !stale) scope.store.apply([], { offset, atMs: Date.now() })
    return scope.store.mark().offset < end
  })
  if (behind.length === 0) return
  const consumer = await clients.reader(groupId, {
    'enable.partition.eof': true,
    'queued.min.messages': 2 * chunk,
    'fetch.message.max.bytes': fetchBytes,
  })
  for (const { store } of behind) store.restoring(Math.round(restoreCacheKilobytes / behind.length))
  try {
    await readAll(consumer, behind, ends, options)
  } catch (error) {
    throw logError(error, `The state of ${options.group} could not be restored`)
  } finally {
    for (const { store } of behind) store.restoring(null)
    await disconnect(consumer)
  }
}

async function readAll(
  consumer: KafkaConsumer,
  scopes: readonly Restorable[],
  ends: ReadonlyMap<string, number>,
  { group, onProgress, isCancelled }: RestoreOptions,
): Promise<void> {
  const gathered = new Map(scopes.map((scope) => [placeName(scope), gather(scope, gatheredBytes / scopes.length)]))
  const reached = new Map<string, number>(scopes.map((scope) => [placeName(scope), scope.store.mark().offset]))
  const total = scopes.reduce((sum, scope) => sum + (ends.get(placeName(scope)) ?? 0) - scope.store.mark().offset, 0)
  const startedMs = performance.now()
  let records = 0
  let reportedMs = startedMs
  let heardMs = startedMs
  const report = (): void => {
    const perMs = records / Math.max(1, performance.now() - startedMs)
    const left = [...reached].reduce((sum, [name, at]) => sum + Math.max(0, (ends.get(name) ?? 0) - at), 0)
    onProgress?.({
      group,
      records,
      perSecond: perMs * 1000,
      leftMs: records === 0 ? null : Math.min(left, total) / perMs,
    })
  }
  consumer.on('partition.eof', (place) => reached.set(placeName(place), place.offset))
  consumer.assign(scopes.map(({ topic, partition, store }) => ({ topic, partition, offset: store.mark().offset })))
  const left = (name: string): boolean => (reached.get(name) ?? 0) < (ends.get(name) ?? 0)
  while (!isCancelled() && [...gathered.keys()].some(left)) {
    const messages = await answerOf<Message[]>((done) => consumer.consume(chunk, done))
    if (messages.length === 0) {
      if (performance.now() - heardMs > patienceMs) throw new Unavailable('The changelog does not come to its end')
      await sleep(idleMs)
      continue
    }
    heardMs = performance.now()
    records += messages.length
    for (const message of messages) {
      const name = placeName(message)
      gathered.get(name)?.add(message)
      reached.set(name, Math.max(reached.get(name) ?? 0, message.offset + 1))
    }
    if (heardMs - reportedMs < reportEveryMs) continue
    reportedMs = heardMs
    report()
  }
  consumer.unassign()
  if (isCancelled()) return
  for (const [name, { flush }] of gathered) flush(ends.get(name) ?? 0)
  report()
}

/** Gathers what is read for one store, and applies it when there is enough; of several changes of a key the last. */
function gather({ store }: Restorable, mostBytes: number) {
  let changes = new Map<string, StoredChange>()
  let bytes = 0
  const flush = (offset: number): void => {
    const sorted = [...changes.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
    store.apply(sorted, { offset, atMs: Date.now() })
    changes = new Map()
    bytes = 0
  }
  return {
    add(message: Message): void {
      const change = changeOf(message)
      if (!change) return
      changes.set(change.key, change)
      bytes += changeBytes + message.size
      if (bytes >= mostBytes) flush(message.offset + 1)
    },
    /** What is left; `offset`: up to where it was read. */
    flush,
  }
}

function changeOf(message: Message): StoredChange | null {
  const key = keyOf(message)?.toString()
  if (!key?.startsWith(mark)) return null
  const { value } = message
  if (value === null || value.length < expiryBytes) return { key: key.slice(1), value: null, expiresAtMs: null }
  const expiry = value.readDoubleBE(0)
  const expiresAtMs = Number.isNaN(expiry) ? null : expiry
  return { key: key.slice(1), value: value.subarray(expiryBytes), expiresAtMs }
}

function withExpiry(value: Uint8Array, expiresAtMs: number | null): Buffer {
  const bytes = Buffer.allocUnsafe(expiryBytes + value.length)
  bytes.writeDoubleBE(expiresAtMs ?? Number.NaN, 0)
  bytes.set(value, expiryBytes)
  return bytes
}
