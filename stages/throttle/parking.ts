/** Where deliveries wait: for a time (ordered by it), or for their destination to open (ordered as they came).
 *
 *  Keys of the state, in each lane and partition:
 *    d/<due, ms, 15 digits>/<sequence, 16 digits>   waits until then
 *    w/<destination>/<sequence, 16 digits>          waits for its destination
 *    n/<notification>/<delivery>                    where a notification's delivery waits, for cancel
 *    c/<notification>                               cancelled: a later retry goes no further */

import type { Delivery } from '../../schemas/events.js'
import { decodeStored, encodeStored } from '../../schemas/stored.js'
import type { KeyedState, StateEntry } from '../stage.js'

/** A delivery and the place where it waits. */
export interface Parked {
  readonly key: string
  /** Orders it among those that wait for the same; see `sequenceOf`. */
  readonly sequence: number
  readonly delivery: Delivery
}

export interface Parking {
  parkUntil(delivery: Delivery, dueMs: number, sequence: number): void
  parkFor(destination: string, delivery: Delivery, sequence: number): void
  /** At most `limit` whose time has come, earliest first. */
  due(nowMs: number, limit: number): readonly Parked[]
  /** When the next one is due, or a little before; null when none waits for a time. */
  nextDueMs(nowMs: number): number | null
  /** At most `limit` that wait for the destination, in the order in which they came. */
  waiting(destination: string, limit: number): readonly Parked[]
  /** The destinations that something waits for. */
  destinations(): ReadonlySet<string>
  ofNotification(notificationId: string): readonly Parked[]
  remove(parked: Parked): void
  markCancelled(notificationId: string, untilMs: number): void
  isCancelled(notificationId: string): boolean
}

/** Channels of one notification are few; this bounds a look-up. */
const maxDeliveries = 64
const sequenceDigits = 16
const nothing = new Uint8Array(0)

export function parking(state: KeyedState): Parking {
  const destinations = findDestinations(state)
  /** No delivery is due before; Infinity where none waits for a time. Kept here, for it is asked at every turn. */
  let nextMs = firstDueMs()

  return {
    parkUntil(delivery, dueMs, sequence) {
      nextMs = Math.min(nextMs, dueMs)
      put(`d/${digits(dueMs, 15)}/${digits(sequence, sequenceDigits)}`, delivery)
    },
    parkFor(destination, delivery, sequence) {
      destinations.add(destination)
      put(`${waitingPrefix(destination)}${digits(sequence, sequenceDigits)}`, delivery)
    },
    due: (nowMs, limit) => (nextMs > nowMs ? [] : state.range('d/', `d/${digits(nowMs + 1, 15)}`, limit).map(parked)),
    nextDueMs(nowMs) {
      // What was due has been taken away since, or could not all be.
      if (nextMs <= nowMs) nextMs = firstDueMs()
      return nextMs === Number.POSITIVE_INFINITY ? null : nextMs
    },
    waiting(destination, limit) {
      const prefix = waitingPrefix(destination)
      const entries = state.range(prefix, after(prefix), limit)
      if (entries.length === 0) destinations.delete(destination)
      return entries.map(parked)
    },
    destinations: () => destinations,
    ofNotification(notificationId) {
      const prefix = indexPrefix(notificationId)
      return state.range(prefix, after(prefix), maxDeliveries).flatMap(({ value }) => {
        const key = Buffer.from(value).toString()
        const held = state.get(key)
        return held ? [parked({ key, value: held })] : []
      })
    },
    remove({ key, delivery }) {
      state.delete(key)
      state.delete(indexKey(delivery))
    },
    markCancelled: (notificationId, untilMs) => state.put(cancelKey(notificationId), nothing, untilMs),
    isCancelled: (notificationId) => state.get(cancelKey(notificationId)) !== undefined,
  }

  function firstDueMs(): number {
    const [first] = state.range('d/', 'd0', 1)
    return first ? Number(first.key.slice(2, 17)) : Number.POSITIVE_INFINITY
  }

  function put(key: string, delivery: Delivery): void {
    state.put(key, encodeStored('delivery-routed', { delivery }), null)
    state.put(indexKey(delivery), Buffer.from(key), null)
  }
}

function parked({ key, value }: StateEntry): Parked {
  const sequence = Number(key.slice(-sequenceDigits))
  return { key, sequence, delivery: decodeStored('delivery-routed', value).delivery }
}

/** Finds the destinations by jumping from one to the next, without reading what waits. */
function findDestinations(state: KeyedState): Set<string> {
  const found = new Set<string>()
  let from = 'w/'
  for (;;) {
    const [entry] = state.range(from, 'w0', 1)
    if (!entry) return found
    const name = entry.key.slice(2, entry.key.lastIndexOf('/'))
    found.add(decodeURIComponent(name))
    from = `w/${name}0`
  }
}

function waitingPrefix(destination: string): string {
  return `w/${encodeURIComponent(destination)}/`
}

/** The first key after all that begin with the prefix, which ends with a slash: 0 is the character after it. */
function after(prefix: string): string {
  return `${prefix.slice(0, -1)}0`
}

function indexPrefix(notificationId: string): string {
  return `n/${encodeURIComponent(notificationId)}/`
}

function indexKey({ notificationId, id }: Delivery): string {
  return `${indexPrefix(notificationId)}${encodeURIComponent(id)}`
}

function cancelKey(notificationId: string): string {
  return `c/${encodeURIComponent(notificationId)}`
}

function digits(value: number, length: number): string {
  return String(Math.max(0, Math.floor(value))).padStart(length, '0')
}

/** The offset at the end of the record's id keeps parked deliveries in the order in which they came. */
export function sequenceOf({ recordId }: { readonly recordId: string }): number {
  return Number(recordId.slice(recordId.lastIndexOf('-') + 1))
}
