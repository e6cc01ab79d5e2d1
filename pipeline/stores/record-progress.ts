/** The compact text that the progress of a notification is kept in: flat arrays without names, times as differences,
 *  stages by number. A third of the size of objects and of the time to write them. */
import type { Attempt, DeliveryState, TrailEntry } from '../../schemas/events.js'
import type { KnownDelivery, KnownEnd, RecordState } from '../../stages/record/state.js'

/** What of a state is no part of its row. */
export type Progress = Omit<RecordState, 'id' | 'tenant' | 'recipient' | 'summary'>

/** Stages by number. What is stored depends on the order: new ones go to the end. */
const stages = ['ingress', 'dedupe', 'enrich-template', 'route', 'throttle', 'deliver', 'record']

type Text = string | null
type Packed = readonly [
  firstAtMs: number,
  lastAtMs: number,
  duplicateOf: Text,
  /** Status and time, one after the other. */
  ends: readonly (string | number)[],
  deliveries: readonly PackedDelivery[],
  /** Six values an entry: milliseconds since the one before (since the first event, for the first), stage, event,
   *  channel, reason, detail. */
  trail: readonly (Text | number)[],
]
type PackedDelivery = readonly [
  id: string,
  channel: string,
  provider: Text,
  status: DeliveryState,
  final: 0 | 1,
  siblings: number,
  atMs: number,
  told: number,
  /** Five values a call: number, time, outcome, error, latency. */
  attempts: readonly (Text | number)[],
  /** The provider's own ids, one a call; left out where no call has one, as in all that was stored before. */
  messageIds?: readonly Text[],
]

export function packProgress({ firstAtMs, lastAtMs, duplicateOf, ends, deliveries, trail }: Progress): string {
  const packedEnds = ends.flatMap(({ status, atMs }) => [status, atMs])
  const packedTrail = packTrail(trail, firstAtMs)
  const packed: Packed = [firstAtMs, lastAtMs, duplicateOf, packedEnds, deliveries.map(packDelivery), packedTrail]
  return JSON.stringify(packed)
}

export function unpackProgress(text: string): Progress {
  const [firstAtMs, lastAtMs, duplicateOf, ends, deliveries, trail] = JSON.parse(text) as Packed
  return {
    firstAtMs,
    lastAtMs,
    duplicateOf,
    ends: groupsOf<[KnownEnd['status'], number]>(ends, 2).map(([status, atMs]) => ({ status, atMs })),
    deliveries: deliveries.map(unpackDelivery),
    trail: unpackTrail(trail, firstAtMs),
  }
}

/** Of a notification of which nothing is known but a time. */
export function noProgress(atMs: number): Progress {
  return { firstAtMs: atMs, lastAtMs: atMs, duplicateOf: null, ends: [], deliveries: [], trail: [] }
}

function packTrail(trail: readonly TrailEntry[], firstAtMs: number): (Text | number)[] {
  const packed: (Text | number)[] = []
  let lastMs = firstAtMs
  for (const { atMs, stage, event, channel, reason, detail } of trail) {
    const number = stages.indexOf(stage)
    packed.push(atMs - lastMs, number < 0 ? stage : number, event, channel, reason, detail)
    lastMs = atMs
  }
  return packed
}

function unpackTrail(packed: readonly (Text | number)[], firstAtMs: number): TrailEntry[] {
  let atMs = firstAtMs
  return groupsOf<[number, string | number, string, Text, Text, Text]>(packed, 6).map((group) => {
    const [sinceMs, stage, event, channel, reason, detail] = group
    atMs += sinceMs
    return { atMs, stage: typeof stage === 'number' ? (stages[stage] ?? '') : stage, event, channel, reason, detail }
  })
}

function packDelivery(delivery: KnownDelivery): PackedDelivery {
  const { id, channel, provider, status, final, siblings, atMs, told } = delivery
  const attempts: (Text | number)[] = []
  for (const { number, atMs: callAtMs, outcome, error, latencyMs } of delivery.attempts) {
    attempts.push(number, callAtMs, outcome, error, latencyMs)
  }
  const packed = [id, channel, provider, status, final ? 1 : 0, siblings, atMs, told, attempts] as const
  const messageIds = delivery.attempts.map(({ messageId }) => messageId)
  return messageIds.every((messageId) => messageId === null) ? packed : [...packed, messageIds]
}

function unpackDelivery(packed: PackedDelivery): KnownDelivery {
  const [id, channel, provider, status, final, siblings, atMs, told, calls, messageIds = []] = packed
  const attempts = groupsOf<[number, number, string, Text, number]>(calls, 5).map(
    ([number, callAtMs, outcome, error, latencyMs], at): Attempt => {
      return { number, atMs: callAtMs, outcome, error, latencyMs, messageId: messageIds[at] ?? null }
    },
  )
  return { id, channel, provider, status, final: final === 1, siblings, atMs, told, attempts }
}

/** Cuts a flat array. What is stored was written by the functions above, so the groups have the shape named. */
function groupsOf<Group extends readonly unknown[]>(flat: readonly unknown[], size: number): Group[] {
  const groups: Group[] = []
  for (let at = 0; at < flat.length; at += size) groups.push(flat.slice(at, at + size) as unknown as Group)
  return groups
}
