/** Merges status events into one document per notification, and tells what changed.
 *
 *  Invariants: the merge cares neither about order nor about repetition, so it needs no part in the step's transaction:
 *  a batch is acked after its merge is stored, and a crash in between merges it once more. What changed is told after
 *  the merge, once at least: of records that may have been merged before, the status is told though it did not change. */
import { concatMap, type SchedulerLike } from 'rxjs'
import type { NotificationChanged, NotificationStatus } from '../../schemas/events.js'
import { changed } from '../../schemas/outgoing.js'
import type { Batch, InputRecord, Stage, Step } from '../stage.js'
import { changesOf, type Merged } from './changes.js'
import { type EndObserver, endsOf } from './ends.js'

/** Where records are kept. */
export interface RecordStore {
  /** Resolves when all are merged and stored, with what that did to each record. `record/merge.ts` says how they are
   *  merged; each notification's events are merged in one go. After a rejection some may be stored: merging them again
   *  changes nothing. */
  merge(events: readonly NotificationStatus[]): Promise<readonly Merged[]>
}

/** Who is told of changes without the log. */
export interface RecordWatchers {
  /** Whether anybody is there: nothing is worked out otherwise. */
  watching(): boolean
  tell(changes: readonly NotificationChanged[]): void
}

type In = 'notification-status'
type Out = 'notification-changed'

/** `watchers` null: changes go to the log, for whoever reads it. `ended` is told of deliveries that ended. */
export function record(
  store: RecordStore,
  watchers: RecordWatchers | null,
  ended: EndObserver = () => undefined,
): Stage<In, Out> {
  const merge = async (records: readonly InputRecord<In>[], clock: SchedulerLike): Promise<Step<In, Out>> => {
    const nowMs = clock.now()
    const events = new Map(records.map((input) => [withRecorded(input.value, nowMs), input]))
    const merged = await store.merge([...events.keys()])
    const storedMs = clock.now()
    for (const one of merged) for (const end of endsOf(one, storedMs)) ended(end)
    const isAgain = (event: NotificationStatus) => events.get(event)?.firstDelivery === false
    const changes = () => merged.flatMap((one) => changesOf(one, one.events.some(isAgain)))
    if (watchers?.watching()) watchers.tell(changes())
    const outputs = watchers ? [] : changes().map(changed)
    return { acked: records, outputs, changes: [], drops: [], deadLetters: [] }
  }
  return {
    name: 'record',
    input: 'notifications.status',
    durable: false,
    operator: ({ clock }) => concatMap(({ records }: Batch<In>) => merge(records, clock)),
  }
}

/** An event that ends something says when that was recorded. Of several such entries the merge keeps the first. */
function withRecorded(event: NotificationStatus, atMs: number): NotificationStatus {
  const [ended] = event.deliveries.filter(({ final }) => final)
  if (!ended && (event.status === null || event.status === 'accepted')) return event
  const channel = ended?.channel ?? null
  const entry = { atMs, stage: 'record', event: 'recorded', channel, reason: null, detail: null }
  return { ...event, trail: [...event.trail, entry] }
}
