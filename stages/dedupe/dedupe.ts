/** Drops a notification whose duplicate was seen: one of the same id silently, for it is a retry of the same request;
 *  and, where the request asks for it, one with the same key within its window, which is recorded as a duplicate. A
 *  claim counts in every lane: a duplicate is one whatever its priority.
 *
 *  A claim whose owner ended without getting through passes on to the newcomer, for otherwise nobody would be told. That
 *  is asked of the record store only when a duplicate is found, once for a batch. Where the owner is under way, or the
 *  store does not know or cannot be asked, the newcomer is a duplicate: told twice is worse than told of a duplicate.
 *
 *  Invariant: a claim belongs to a notification's id and commits with the step that forwards it, so a redelivered
 *  record is never its own duplicate and a crash loses neither. */
import type { NotificationRequested, TrailEntry } from '../../schemas/events.js'
import { accepted, cancel, status } from '../../schemas/outgoing.js'
import { gotThrough, type NotificationState } from '../../schemas/record.js'
import {
  type Batch,
  drop,
  eachBatch,
  emit,
  type InputRecord,
  type KeyedState,
  type Outcome,
  type RecordContext,
  type Stage,
} from '../stage.js'
import { summaryOf } from '../summary.js'

export interface DedupeOptions {
  /** How long an id is remembered: longer than anyone retries a request. */
  readonly idWindowMs: number
  /** True: tells the record store that the notification was accepted. False where the ingress has recorded it. */
  readonly announce: boolean
}

/** The record store, as far as dedupe asks it. */
export interface Outcomes {
  /** The status of each of these notifications that has ended; the others are left out. Rejects while the store cannot be
   *  asked. */
  endsOf(tenant: string, ids: readonly string[]): Promise<ReadonlyMap<string, NotificationState>>
}

type In = 'notification-requested' | 'cancel-requested'
type Out = 'notification-accepted' | 'cancel-requested' | 'notification-status'

/** Whether the owner of a claim ended without getting through. */
type IsFreed = (tenant: string, owner: string) => boolean

export function dedupe(outcomes: Outcomes, options: DedupeOptions): Stage<In, Out> {
  return eachBatch('dedupe', 'notifications.requested', async (batch, _, contextOf) => {
    const isFreed = await freedOwners(outcomes, ownersMet(batch, contextOf))
    return (record, context) =>
      record.event === 'cancel-requested'
        ? emit(cancel(record.value, 'notifications.accepted', context.lane))
        : admit(record.value, context, options, isFreed)
  })
}

/** The owners of the claims that the batch's notifications meet, by tenant. */
function ownersMet(batch: Batch<In>, contextOf: (record: InputRecord<In>) => RecordContext) {
  const met = new Map<string, Set<string>>()
  for (const record of batch.records) {
    if (record.event === 'cancel-requested' || record.value.dedupe === null) continue
    const { sharedState, nowMs } = contextOf(record)
    const { id, tenant } = record.value
    const owner = ownerOf(sharedState, claimKey(record.value, record.value.dedupe.key), nowMs)
    if (owner === null || owner === id) continue
    met.set(tenant, (met.get(tenant) ?? new Set()).add(owner))
  }
  return met
}

async function freedOwners(outcomes: Outcomes, met: ReadonlyMap<string, ReadonlySet<string>>): Promise<IsFreed> {
  const freed = new Map<string, ReadonlySet<string>>()
  for (const [tenant, owners] of met) {
    // A store that cannot be asked frees nobody.
    const ends = await outcomes.endsOf(tenant, [...owners]).catch(() => new Map<string, NotificationState>())
    freed.set(tenant, new Set([...ends].flatMap(([id, end]) => (gotThrough.has(end) ? [] : [id]))))
  }
  return (tenant, owner) => freed.get(tenant)?.has(owner) === true
}

function admit(
  request: NotificationRequested,
  context: RecordContext,
  options: DedupeOptions,
  isFreed: IsFreed,
): Outcome<Out> {
  const { nowMs, sharedState: state } = context
  const { id, tenant, nonce, dedupe } = request
  const idKey = `i/${tenant}/${id}/${nonce}`
  const first = claim(state, idKey, context.recordId, nowMs + options.idWindowMs, nowMs)
  if (first !== context.recordId) return drop('same-id')
  if (dedupe) {
    const key = claimKey(request, dedupe.key)
    const owner = claim(state, key, id, nowMs + dedupe.windowMs, nowMs, (held) => isFreed(tenant, held))
    if (owner !== id) return duplicate(request, owner, context)
  }
  const trail = [acceptedEntry(request), entry(nowMs, 'admitted')]
  const event = accepted({ request, trail })
  return options.announce ? emit(event, announcement(request, trail, context)) : emit(event)
}

/** Who a key is asked for: with the recipient's length, for both may hold slashes. */
function claimKey({ tenant, recipient }: NotificationRequested, key: string): string {
  return `k/${tenant}/${recipient.length}/${recipient}/${key}`
}

/** Who owns the key now: the given owner, where nobody else's claim stands, or one stands that is free. */
function claim(
  state: KeyedState,
  key: string,
  owner: string,
  untilMs: number,
  nowMs: number,
  isFree: (held: string) => boolean = () => false,
): string {
  const held = ownerOf(state, key, nowMs)
  if (held !== null && !isFree(held)) return held
  state.put(key, Buffer.from(`${untilMs} ${owner}`), untilMs)
  return owner
}

/** Whose claim stands; null where there is none, or its window is over. */
function ownerOf(state: KeyedState, key: string, nowMs: number): string | null {
  const held = state.get(key)
  if (!held) return null
  const text = Buffer.from(held.buffer, held.byteOffset, held.byteLength).toString()
  const space = text.indexOf(' ')
  return Number(text.slice(0, space)) > nowMs ? text.slice(space + 1) : null
}

function duplicate(request: NotificationRequested, owner: string, context: RecordContext): Outcome<Out> {
  const trail = [acceptedEntry(request), { ...entry(context.nowMs, 'dropped'), reason: 'duplicate', detail: owner }]
  const event = { ...announcement(request, trail, context).value, status: 'duplicate' as const, duplicateOf: owner }
  return drop('duplicate', status(event))
}

function announcement(
  request: NotificationRequested,
  trail: readonly TrailEntry[],
  { recordId, nowMs }: RecordContext,
) {
  return status({
    eventId: `${recordId}-dedupe`,
    notificationId: request.id,
    tenant: request.tenant,
    recipient: request.recipient,
    atMs: nowMs,
    status: 'accepted',
    duplicateOf: null,
    summary: summaryOf(request),
    deliveries: [],
    trail,
    traceparent: request.traceparent,
  })
}

function acceptedEntry({ acceptedAtMs }: NotificationRequested): TrailEntry {
  return { atMs: acceptedAtMs, stage: 'ingress', event: 'accepted', channel: null, reason: null, detail: null }
}

function entry(atMs: number, event: string): TrailEntry {
  return { atMs, stage: 'dedupe', event, channel: null, reason: null, detail: null }
}
