/** Keeps what no stage could take, and puts it back when it is asked to: once for each letter, and not for ever.
 *
 *  Invariant: a replay, the memory of it and the command's own place commit together, so a letter is replayed exactly
 *  once however often that is asked, and whatever dies in between. The store learns of it from an event of that same
 *  commit: it may be late, never wrong. While the store is away everything waits in the topic. */
import type { EventName, EventOf } from '../../schemas/avro.js'
import type { DeadLetter, ReplayDecision, ReplayRequested, TrailEntry } from '../../schemas/events.js'
import { replayDecided, status } from '../../schemas/outgoing.js'
import { type Batch, drop, eachBatch, emit, type Outcome, type RecordContext, type Stage } from '../stage.js'
import { type Renewal, type Renewed, renewal } from './renewal.js'

export interface DeadLetterOptions {
  /** A record that was replayed so often is parked: it is not helped by trying again. */
  readonly maxReplays: number
  /** How long it is remembered what became of a letter: at least as long as the store keeps it. */
  readonly memoryMs: number
}

/** A letter as the store has it. */
export interface KeptLetter {
  readonly letter: DeadLetter
  readonly record: { readonly status: 'dead' | ReplayDecision }
}

interface ReadLetter extends KeptLetter {
  readonly event: EventOf<EventName> | null
}

/** Where letters are kept. Whatever a call rejects with, it is made again until it succeeds. */
export interface LetterStore {
  /** Keeps the letters; those that are there already stay as they are. */
  putAll(letters: readonly DeadLetter[]): Promise<void>
  get(id: string): Promise<KeptLetter | undefined>
  /** Marks a letter that is not marked yet; what is marked or gone stays so. */
  mark(id: string, decision: ReplayDecision): Promise<unknown>
}

export interface DeadLetterPorts {
  readonly letters: LetterStore
  /** What the letter's record says; null where its bytes cannot be read. */
  readonly read: (letter: DeadLetter) => Promise<EventOf<EventName> | null>
}

type In = 'dead-letter' | 'replay-requested' | 'replay-decided'
type Out = Renewed | 'notification-status' | 'replay-decided'

/** The store did not answer. No record is to blame: a letter must not be buried in another for it. */
export class LettersAway extends Error {
  override readonly name = 'LettersAway'
  /** As every port says it: try again later. */
  readonly code = 'unavailable'
}

export function deadLetters({ letters, read }: DeadLetterPorts, options: DeadLetterOptions): Stage<In, Out> {
  const stage = eachBatch<In, Out>('dead-letters', 'dead-letters', async (batch) => {
    const kept = await told(letters, read, batch)
    return ({ event, value }, context) => {
      if (event !== 'replay-requested') return emit()
      const found = kept.get(value.letterId)
      return found ? decide(value, found, context) : drop('unknown-letter')
    }
  })
  // What is decided is told to a store that may be another than the log's: it must not outlive the decision.
  return { ...stage, durable: true }

  function decide(
    command: ReplayRequested,
    { letter, record, event }: ReadLetter,
    context: RecordContext,
  ): Outcome<Out> {
    const { state, nowMs } = context
    const key = `r/${letter.id}`
    const earlier = state.get(key)
    // Told once more, for the store may have forgotten: it may have been set up anew.
    if (earlier) return drop('decided-before', decided(command, decisionIn(earlier), nowMs))
    if (record.status !== 'dead') return drop('decided-before')
    const renewed = event && renewal(letter, event)
    if (!renewed) return drop('not-replayable')
    const decision = letter.replays >= options.maxReplays ? 'parked' : 'replayed'
    state.put(key, Buffer.from(decision), nowMs + options.memoryMs)
    const news = [decided(command, decision, nowMs), entryOf(decision, letter, renewed, context)]
    return decision === 'parked' ? drop('parked', ...news) : emit(renewed.again, ...news)
  }
}

/** Tells the store what the batch says, and asks it for the letters that are to be replayed. */
async function told(
  letters: LetterStore,
  read: DeadLetterPorts['read'],
  { records }: Batch<In>,
): Promise<ReadonlyMap<string, ReadLetter>> {
  const kept = new Map<string, ReadLetter>()
  const firstDelivery = records.flatMap(({ event, value }) => (event === 'dead-letter' ? [value] : []))
  try {
    if (firstDelivery.length > 0) await letters.putAll(firstDelivery)
    for (const { event, value } of records) {
      if (event === 'replay-decided') await letters.mark(value.letterId, value.decision)
    }
    for (const { event, value } of records) {
      if (event !== 'replay-requested' || kept.has(value.letterId)) continue
      const found = await letters.get(value.letterId)
      if (found) kept.set(value.letterId, { ...found, event: await read(found.letter) })
    }
  } catch (cause) {
    throw new LettersAway('The store of dead letters does not answer; they wait in their topic.', { cause })
  }
  return kept
}

function decided({ letterId, notificationId, tenant }: ReplayRequested, decision: ReplayDecision, nowMs: number) {
  return replayDecided({ letterId, notificationId, tenant, decision, decidedAtMs: nowMs })
}

function decisionIn(bytes: Uint8Array): ReplayDecision {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
  return text === 'parked' ? 'parked' : 'replayed'
}

/** For the timeline, where a replay is the word of whoever asked for it. */
function entryOf(decision: ReplayDecision, letter: DeadLetter, { notification }: Renewal, context: RecordContext) {
  const { recordId, nowMs: atMs } = context
  const entry: TrailEntry =
    decision === 'replayed'
      ? { atMs, stage: 'ingress', event: 'replayed', channel: null, reason: letter.cause, detail: letter.id }
      : { atMs, stage: 'ingress', event: 'parked', channel: null, reason: 'too-many-replays', detail: letter.id }
  return status({
    ...notification,
    eventId: `${recordId}-replay`,
    atMs,
    status: null,
    duplicateOf: null,
    summary: null,
    deliveries: [],
    trail: [entry],
    traceparent: null,
  })
}
