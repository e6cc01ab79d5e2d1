/** What the ingress needs from the rest of Carillon. Implemented in pipeline/, wired in its composition root.
 *  Every method may reject with `Unavailable` (try again later) or `StorageFull`. */
import type { CancelRequested, NotificationRequested, ReplayRequested } from '../schemas/events.js'
import type { Change, NotificationRecord, NotificationState } from '../schemas/record.js'
import type { Lane } from '../schemas/streams.js'
import type { KnownRecipient, TemplateVersion } from '../schemas/template.js'
import type { IngressObserver, RequestLogEntry, RequestTraces } from './observer.js'
import type { StageFlow } from './stage-flow.js'

/** A request's Idempotency-Key. */
export interface Claim {
  readonly key: string
  /** Hash of the request's body. */
  readonly bodyHash: string
  /** The answer to give again, JSON. */
  readonly answer: string
  /** How long the key holds, in milliseconds: at most 24 hours, which it is unless said. */
  readonly windowMs?: number
  /** The answer of an earlier claim that this one takes the place of, should it still stand. */
  readonly insteadOf?: string
}

export type Acceptance =
  | { readonly kind: 'accepted' }
  /** The key was used with the same body: its first answer. */
  | {
      readonly kind: 'replayed'
      readonly answer: string
      /** True: that first request had not got as far as the log; its notifications went there now. */
      readonly appended: boolean
    }
  /** The key's first request is still under way. */
  | { readonly kind: 'in-flight' }
  /** The key was used with another body. */
  | { readonly kind: 'reused' }

/** Where accepted notifications go. */
export interface Acceptor {
  /** What a key was used for within its window; undefined for a new one. A look only: `accept` decides. */
  recall(tenant: string, key: string): Promise<Pick<Claim, 'bodyHash' | 'answer'> | undefined>
  /** Resolves when everything is durable in the log, all or nothing. */
  accept(notifications: readonly NotificationRequested[], claim: Claim | null): Promise<Acceptance>
  /** Puts the command behind its notification. */
  cancel(command: CancelRequested, lane: Lane): Promise<void>
}

export interface RecordQuery {
  readonly tenant: string
  /** Any of these; not empty. */
  readonly statuses?: readonly NotificationState[]
  /** The contract they came by. */
  readonly origin?: string
  readonly channel?: string
  readonly recipient?: string
  /** Accepted at or after, in milliseconds since the epoch. */
  readonly fromMs?: number
  /** Accepted before, in milliseconds since the epoch. */
  readonly toMs?: number
  readonly limit: number
  /** What an earlier page gave. */
  readonly cursor?: string
}

export interface Page<T> {
  readonly data: readonly T[]
  readonly nextCursor: string | null
}

export interface ChannelStats {
  readonly sent: number
  readonly failed: number
  /** Taken where the channel has no provider, so that nothing was sent; in none of the other figures. */
  readonly simulated: number
  /** 0..1; null before the first one ended. */
  readonly successRate: number | null
  /** From acceptance to the provider's answer; null before the first one. */
  readonly latencyMs: { readonly mean: number; readonly p50: number; readonly p95: number; readonly p99: number } | null
}

/** The record store, as far as it is read here. A bad cursor rejects with `BadCursor`. */
export interface Records {
  get(tenant: string, id: string): Promise<NotificationRecord | undefined>
  /** Newest first. A page may hold less than its limit, even nothing, and still have a cursor: go on there. */
  list(query: RecordQuery): Promise<Page<NotificationRecord>>
  /** How many of a batch have each status; undefined for an unknown batch. */
  batch(tenant: string, id: string): Promise<BatchSummary | undefined>
  stats(tenant: string): Promise<Readonly<Record<string, ChannelStats>>>
  /** Calls back for each change after it is recorded, until the returned function is called; a change may be told
   *  twice. `onReady`: called once nothing that changes from then on is missed. */
  watch(onChange: (change: Change) => void, onReady?: () => void): () => void
}

export interface BatchSummary {
  readonly batchId: string
  readonly total: number
  readonly createdAt: string
  readonly counts: Readonly<Partial<Record<NotificationState, number>>>
}

export interface Templates {
  get(tenant: string, id: string): Promise<TemplateVersion | undefined>
  list(tenant: string, limit: number, cursor?: string): Promise<Page<TemplateVersion>>
  /** Writes the next version. `expected` is the version it replaces (0: none yet); 'conflict' when another came
   *  first. The last version of a deleted template stays readable for what was accepted with it. */
  put(tenant: string, template: TemplateVersion, expected: number): Promise<'written' | 'conflict'>
  /** False where there was none. */
  delete(tenant: string, id: string): Promise<boolean>
}

export interface Recipients {
  get(tenant: string, id: string): Promise<KnownRecipient | undefined>
  put(tenant: string, recipient: KnownRecipient): Promise<void>
  delete(tenant: string, id: string): Promise<boolean>
}

/** One message of an in-app inbox. */
export interface InboxMessage {
  readonly id: string
  readonly notificationId: string
  readonly title?: string
  readonly body: string
  readonly at: string
  readonly readAt?: string
  /** As the notification brought it. */
  readonly metadata?: unknown
}

/** A message that came into an inbox, and its place in the order of arrival. */
export interface Arrival {
  readonly message: InboxMessage
  /** To go on after it. */
  readonly place: string
}

export interface Inbox {
  /** Newest accepted first. */
  list(
    tenant: string,
    recipient: string,
    limit: number,
    cursor?: string,
  ): Promise<Page<InboxMessage> & { unread: number }>
  /** What arrived after the place, in the order of arrival. A message accepted long ago may arrive now. A place that
   *  is none of this inbox rejects with `BadCursor`. */
  arrivals(tenant: string, recipient: string, after: string, limit: number): Promise<readonly Arrival[]>
  /** The place behind all that has arrived. */
  lastArrival(tenant: string, recipient: string): Promise<string>
  /** False for an unknown message. */
  markRead(tenant: string, recipient: string, messageId: string, atMs: number): Promise<boolean>
}

/** What would have been sent, had there been a provider. */
export interface OutboxMessage {
  readonly id: string
  readonly notificationId: string
  readonly channel: string
  readonly address: string
  readonly message: { subject?: string; text?: string; html?: string; data?: unknown }
  readonly at: string
}

export interface Outbox {
  /** Newest first. */
  list(tenant: string, limit: number, cursor?: string): Promise<Page<OutboxMessage>>
}

/** One dead letter. `decoded` is null where the bytes could not be read; `replayable` says whether there is anything to
 *  put back. Lists have neither. */
export interface DeadLetterRecord {
  readonly id: string
  readonly at: string
  readonly stage: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly cause: string
  readonly detail: string
  readonly notificationId?: string
  readonly replays: number
  readonly status: 'dead' | 'replayed' | 'parked'
  readonly headers: Readonly<Record<string, string>>
  readonly valueBase64?: string
  readonly decoded?: unknown
  readonly replayable?: boolean
}

export interface DeadLetterFilter {
  readonly stage?: string
  readonly cause?: string
  readonly status?: DeadLetterRecord['status']
  /** Given up at or after, in milliseconds since the epoch. */
  readonly fromMs?: number
  /** Given up before, in milliseconds since the epoch. */
  readonly toMs?: number
}

export interface DeadLetterQuery extends DeadLetterFilter {
  readonly limit: number
  /** What an earlier page gave. */
  readonly cursor?: string
}

export interface DeadLetterCount {
  /** The most frequent first. */
  readonly groups: readonly { readonly stage: string; readonly cause: string; readonly count: number }[]
  /** False: there are more than were counted. */
  readonly complete: boolean
}

export interface DeadLetters {
  /** Newest first. A bad cursor rejects with `BadCursor`. */
  list(query: DeadLetterQuery): Promise<Page<DeadLetterRecord>>
  /** Counts `most` at most. */
  count(filter: DeadLetterFilter, most: number): Promise<DeadLetterCount>
  get(id: string): Promise<DeadLetterRecord | undefined>
  /** Resolves when the commands are durable in the log, all or nothing. Each letter is then put back once, however often
   *  that is asked, and its status tells of it. */
  requestReplays(commands: readonly ReplayRequested[]): Promise<void>
}

export interface Flow {
  topology(): Promise<unknown>
  stages(): Promise<readonly StageFlow[]>
  /** Why not ready; empty when ready. */
  problems(): Promise<readonly string[]>
  /** Resolves when the log answered; rejects with why it did not. */
  askLog(): Promise<void>
  /** What has stopped making progress, so that the process is best started again; empty while all moves. */
  stalled(): Promise<readonly string[]>
  /** Prometheus text. */
  metrics(): Promise<string>
}

/** Checks and renders templates for the ingress. */
export interface TemplateCheck {
  /** What is wrong with each source, by JSON path below `channels`; empty when all parse. */
  problems(channels: Readonly<Record<string, unknown>>): Promise<readonly { path: string; message: string }[]>
  /** Renders one channel; the error names the variable or the limit. */
  preview(
    channel: string,
    source: { subject?: string; text?: string; html?: string; data?: string },
    variables: Readonly<Record<string, unknown>>,
  ): Promise<
    | { ok: true; message: { subject?: string; text?: string; html?: string; data?: string } }
    | { ok: false; reason: string; detail: string }
  >
}

/** Everything the ingress is given. */
export interface IngressPorts {
  readonly acceptor: Acceptor
  readonly records: Records
  readonly templates: Templates
  readonly recipients: Recipients
  readonly inbox: Inbox
  readonly outbox: Outbox
  readonly deadLetters: DeadLetters
  readonly flow: Flow
  readonly templateCheck: TemplateCheck
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number
  /** A new notification or batch id, a UUID. */
  readonly newId: () => string
  /** One line per request, after it; never bodies or addresses. */
  readonly log: (entry: RequestLogEntry) => void
  /** Left out where nothing is traced. */
  readonly traces?: RequestTraces
  readonly observer: IngressObserver
}
