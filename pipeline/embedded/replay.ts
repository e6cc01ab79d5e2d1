/** Puts a dead letter's record back where it was given up, with what makes it a new try: a fresh nonce, no attempts
 *  behind it, one more replay on its count. What was replayed too often is parked for good. */
import { v4 as uuid } from 'uuid'
import type { EventName, EventOf } from '../../schemas/avro.js'
import type { DeadLetter, Delivery, NotificationRequested } from '../../schemas/events.js'
import { accepted, type Outgoing, rendered, requested, routed } from '../../schemas/outgoing.js'
import { topics, wayNamed } from '../../schemas/topics.js'
import { type Codec, PoisonError } from '../engine/codec.js'
import type { SqliteLog } from '../sqlite/log.js'

export type ReplayResult = 'replayed' | 'parked' | 'already-replayed' | 'not-replayable' | 'unknown'

/** Where dead letters are kept. */
export interface LetterBox {
  get(id: string): Promise<{ readonly letter: DeadLetter; readonly record: { readonly status: string } } | undefined>
  mark(id: string, status: 'parked'): Promise<boolean>
  /** To be called within the write that appends the record again, so that it is replayed once. False when it was
   *  marked before. */
  markReplayed(id: string, status: 'replayed'): boolean
}

/** A record that died this often is not helped by trying again. */
const replaysMost = 5

export function createReplay(
  log: SqliteLog,
  codec: Codec,
  letters: LetterBox,
  nowMs: () => number,
): (id: string) => Promise<ReplayResult> {
  return async (id) => {
    const found = await letters.get(id)
    if (!found) return 'unknown'
    const { letter, record } = found
    if (record.status === 'replayed') return 'already-replayed'
    if (record.status === 'parked') return 'parked'
    if (letter.replays >= replaysMost) {
      await letters.mark(id, 'parked')
      return 'parked'
    }
    const event = readLetter(codec, letter)
    const again = event && renewed(event)
    if (!again) return 'not-replayable'
    const { append } = await log.appendIf([codec.encode(again, nowMs())], () => ({
      append: letters.markReplayed(id, 'replayed'),
    }))
    return append ? 'replayed' : 'already-replayed'
  }
}

/** What the letter's record says; null where its bytes cannot be read. */
export function readLetter(
  codec: Codec,
  letter: Pick<DeadLetter, 'topic' | 'key' | 'value' | 'headers'>,
): EventOf<EventName> | null {
  const way = wayNamed(letter.topic)
  if (!way) return null
  const { key, value, headers } = letter
  const record = { way, key, value, headers, timestampMs: 0, partition: 0, offset: 0 }
  try {
    return codec.decode(record, topics[way.topic].events as readonly EventName[])
  } catch (error) {
    if (error instanceof PoisonError) return null
    throw error
  }
}

function renewed(event: EventOf<EventName>): Outgoing | null {
  switch (event.event) {
    case 'notification-requested':
      return requested(renewedRequest(event.value))
    case 'notification-accepted':
      return accepted({ ...event.value, request: renewedRequest(event.value.request) })
    case 'notification-rendered':
      return rendered({ ...event.value, request: renewedRequest(event.value.request) })
    case 'delivery-routed':
    case 'delivery-released':
      return routed(renewedDelivery(event.value.delivery))
    case 'cancel-requested':
    case 'notification-status':
    case 'dead-letter':
    case 'provider-health':
      return null
  }
}

function renewedRequest(request: NotificationRequested): NotificationRequested {
  return { ...request, nonce: uuid(), replays: request.replays + 1 }
}

/** A new id is a new idempotency key: the old one would make the provider answer as it did before. */
function renewedDelivery(delivery: Delivery): Delivery {
  const replays = delivery.replays + 1
  const id = `${delivery.id.replace(/\.r\d+$/, '')}.r${replays}`
  return { ...delivery, id, replays, attempts: [], deferrals: 0, notBeforeMs: null }
}
