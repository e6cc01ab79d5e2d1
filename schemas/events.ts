/** Written by schemas/generate.ts from the .avsc files beside it; not to be edited by hand. */

/** Where one recipient can be reached. At least one field is set. */
export interface Address {
  /** The recipient's id in the upstream system; also the address of the in-app inbox. */
  readonly id: null | string
  /** E-mail address, RFC 5321 mailbox. */
  readonly email: null | string
  /** Phone number, E.164. */
  readonly phone: null | string
  /** Push token of one device. */
  readonly device: null | string
  /** http or https URL that takes a webhook. */
  readonly webhook: null | string
  /** Slack channel or user id. */
  readonly slack: null | string
}

/** One call of a provider. */
export interface Attempt {
  /** 1 for the first call; a deferral spends none. */
  readonly number: number
  /** When the call began, in milliseconds since the epoch. */
  readonly atMs: number
  /** sent, delivered, transient, permanent, rate-limited, recipient or unknown. */
  readonly outcome: string
  /** What the provider said, at most 500 characters. */
  readonly error: null | string
  /** How long the call took, in milliseconds. */
  readonly latencyMs: number
  /** The provider's own id of the message, at most 256 characters, where its answer told one. */
  readonly messageId: null | string
}

/** The state of a circuit breaker. */
export type BreakerState = 'closed' | 'open' | 'half_open'

/** The command to cancel a notification; it runs behind it, in its lane. */
export interface CancelRequested {
  /** Id of the notification to cancel. */
  readonly id: string
  /** Whose it is. */
  readonly tenant: string
  /** The notification's recipient key, so that the command takes the same partition. */
  readonly recipient: string
  /** The request's correlation id. */
  readonly correlationId: string
  /** When it was asked, in milliseconds since the epoch. */
  readonly requestedAtMs: number
}

/** What one channel says, in the one shape that fits every channel. In a template the strings are Liquid. */
export interface Message {
  /** E-mail subject; the title of a push or in-app message. */
  readonly subject: null | string
  /** Plain text: the e-mail's text part, the SMS, the body of a push, in-app or chat message. */
  readonly text: null | string
  /** The e-mail's HTML part. */
  readonly html: null | string
  /** JSON object: a push's data, or a webhook's own payload. */
  readonly data: null | string
}

/** One channel that the notification might take, rendered, or why it could not be. */
export interface Candidate {
  /** The channel. */
  readonly channel: string
  /** What it would say; null where rendering failed. */
  readonly message: null | Message
  /** Why there is no message: a stable code. */
  readonly reason: null | string
  /** For a person: names the variable or the limit. */
  readonly detail: null | string
}

/** A record that a stage could not take, with its original bytes. */
export interface DeadLetter {
  /** The record's topic-partition-offset and the stage. */
  readonly id: string
  /** Whose it is. */
  readonly tenant: string
  /** When it was given up, in milliseconds since the epoch. */
  readonly atMs: number
  /** The stage that gave up. */
  readonly stage: string
  /** The topic it stood in. */
  readonly topic: string
  /** Its partition. */
  readonly partition: number
  /** Its offset. */
  readonly offset: number
  /** Stable code of why, in kebab case. */
  readonly cause: string
  /** For a person. */
  readonly detail: string
  /** The notification, where it could be read. */
  readonly notificationId: null | string
  /** The record's key. */
  readonly key: null | Uint8Array
  /** The record's original bytes; null for a tombstone. */
  readonly value: null | Uint8Array
  /** The record's headers. */
  readonly headers: Readonly<Record<string, string>>
  /** How often it was replayed already. */
  readonly replays: number
}

/** The wish that a twin within a window be told once. Scoped by tenant and recipient. */
export interface DedupeRequest {
  /** The twin key: the caller's, or a hash of the content. */
  readonly key: string
  /** How long a twin is recognised, in milliseconds. */
  readonly windowMs: number
}

/** Chooses the lane. */
export type Priority = 'high' | 'normal' | 'low'

/** When a delivery is tried again. What is null is as configured. */
export interface RetryRequest {
  /** The waits between the calls, in milliseconds; the last one repeats. */
  readonly scheduleMs: null | readonly number[]
  /** How long after the first call it is given up, in milliseconds. */
  readonly giveUpAfterMs: null | number
}

/** One decision of one stage about one notification. */
export interface TrailEntry {
  /** When, in milliseconds since the epoch. */
  readonly atMs: number
  /** The stage that decided: ingress, dedupe, enrich-template, route, throttle, deliver or record. */
  readonly stage: string
  /** What was decided, a past participle: accepted, rendered, routed, released, attempted, … */
  readonly event: string
  /** The channel it concerns, when only one. */
  readonly channel: null | string
  /** Stable code of why, in kebab case. */
  readonly reason: null | string
  /** For a person: never a secret, never message content. */
  readonly detail: null | string
}

/** One notification on one channel, and what was tried so far. */
export interface Delivery {
  /** Delivery id: stable for a notification and channel, and the provider's idempotency key. */
  readonly id: string
  /** The notification it belongs to. */
  readonly notificationId: string
  /** Whose it is. */
  readonly tenant: string
  /** The recipient's key. */
  readonly recipient: string
  /** The channel. */
  readonly channel: string
  /** Name of the provider that carries it. */
  readonly provider: string
  /** Where on that channel. */
  readonly address: string
  /** What is said. */
  readonly message: Message
  /** Chooses the lane and how often it is tried. */
  readonly priority: Priority
  /** How many deliveries the notification has in all, this one included. */
  readonly siblings: number
  /** The calls made so far. */
  readonly attempts: readonly Attempt[]
  /** How often it was put off without an attempt. */
  readonly deferrals: number
  /** Not before, in milliseconds since the epoch: sendAt, or the end of a backoff. */
  readonly notBeforeMs: null | number
  /** Not after, in milliseconds since the epoch. */
  readonly expiresAtMs: null | number
  /** When the request wants it tried again; null: as configured. */
  readonly retry: null | RetryRequest
  /** When it was first called, or first held back by a breaker, in milliseconds since the epoch: from then on it counts when it is given up. Null: neither yet. */
  readonly triedFromMs: null | number
  /** When the notification was accepted, in milliseconds since the epoch. */
  readonly acceptedAtMs: number
  /** When it was to go, in milliseconds since the epoch, where that was later than the acceptance. */
  readonly dueAtMs: null | number
  /** JSON object that is carried along. */
  readonly metadata: string
  /** The request's correlation id. */
  readonly correlationId: string
  /** W3C trace context. */
  readonly traceparent: null | string
  /** The contract the notification came by. */
  readonly origin: string
  /** How often a dead letter of it was replayed. */
  readonly replays: number
  /** What was decided so far and not yet told in a status event. */
  readonly trail: readonly TrailEntry[]
}

/** A delivery that may go now. */
export interface DeliveryReleased {
  /** The delivery. */
  readonly delivery: Delivery
  /** When throttle let it go, in milliseconds since the epoch. */
  readonly releasedAtMs: number
}

/** A delivery on its way to throttle: new, or back for a retry or deferral. */
export interface DeliveryRouted {
  /** The delivery. */
  readonly delivery: Delivery
}

/** The state of a delivery. */
export type DeliveryState =
  | 'queued'
  | 'scheduled'
  | 'sending'
  | 'sent'
  | 'delivered'
  | 'failed'
  | 'expired'
  | 'cancelled'
  | 'suppressed'

/** The state of one delivery. */
export interface DeliveryStatus {
  /** Delivery id. */
  readonly id: string
  /** The channel. */
  readonly channel: string
  /** The provider; null where none was chosen. */
  readonly provider: null | string
  /** The state. */
  readonly status: DeliveryState
  /** True: it has ended here. */
  readonly final: boolean
  /** How many deliveries the notification has in all, this one included. */
  readonly siblings: number
  /** All calls so far. */
  readonly attempts: readonly Attempt[]
}

/** The wish that a twin for the same recipient be told once within a window. Either key or by is set. */
export interface InboundDedupe {
  /** The twin key. */
  readonly key: null | string
  /** content: twins are those that say the same. */
  readonly by: null | string
  /** How long a twin is recognised, in milliseconds; null: as configured. */
  readonly windowMs: null | number
}

/** When deliveries are tried again. What is null is as configured. */
export interface InboundRetry {
  /** The waits between the calls, such as 30s or 5m; the last one repeats. */
  readonly schedule: null | readonly string[]
  /** How long after the first call they are given up, such as 2d. */
  readonly giveUpAfter: null | string
}

/** A template at the version pinned when the notification was accepted. */
export interface TemplateReference {
  /** Template id. */
  readonly id: string
  /** Version, 1 for the first. */
  readonly version: number
}

/** A notification that was accepted for one recipient: the pipeline's input. */
export interface NotificationRequested {
  /** Notification id, a UUID unless the upstream brought its own; at most 256 bytes. */
  readonly id: string
  /** Whose it is. */
  readonly tenant: string
  /** Empty; a replay carries a fresh one, so that it is not taken for a twin. */
  readonly nonce: string
  /** The recipient's key: the id, or the first address where there is none. Part of the record's key. */
  readonly recipient: string
  /** Where the request says to reach the recipient. */
  readonly to: Address
  /** The channels asked for; null: by template, content, addresses, then the known recipient. */
  readonly channels: null | readonly string[]
  /** The template to render. */
  readonly template: null | TemplateReference
  /** Literal content by channel, or under * for any channel; with a template it is the fallback. */
  readonly content: null | Readonly<Record<string, Message>>
  /** JSON object: the template's variables. */
  readonly data: string
  /** Chooses the lane. */
  readonly priority: Priority
  /** Not before, in milliseconds since the epoch. */
  readonly sendAtMs: null | number
  /** Not after, in milliseconds since the epoch. */
  readonly expiresAtMs: null | number
  /** When its deliveries are tried again; null: as configured. */
  readonly retry: null | RetryRequest
  /** Whether and how twins are recognised, beyond the id. */
  readonly dedupe: null | DedupeRequest
  /** JSON object that is carried along and given back. */
  readonly metadata: string
  /** The batch it came in. */
  readonly batchId: null | string
  /** The request's correlation id. */
  readonly correlationId: string
  /** W3C trace context. */
  readonly traceparent: null | string
  /** The contract it came by: native, kafka, or the name of a compatibility contract whose rules then hold. */
  readonly origin: string
  /** When it was accepted, in milliseconds since the epoch. */
  readonly acceptedAtMs: number
  /** How often a dead letter of it was replayed. */
  readonly replays: number
}

/** A notification that is no twin of an earlier one. */
export interface NotificationAccepted {
  /** What was asked. */
  readonly request: NotificationRequested
  /** What was decided so far. */
  readonly trail: readonly TrailEntry[]
}

/** What watchers of a notification or of an inbox are told, after it is recorded. Keyed by notification. */
export interface NotificationChanged {
  /** The notification. */
  readonly notificationId: string
  /** Whose it is. */
  readonly tenant: string
  /** The recipient's key. */
  readonly recipient: string
  /** The public status that it has from now on; null: that did not change. */
  readonly status: null | string
  /** True: a message of it has come into the recipient's inbox. */
  readonly inbox: boolean
  /** True: it was on its way before, and waits for another try. */
  readonly waitsAgain: boolean
  /** The contract it came by. */
  readonly origin: string
  /** When it changed, in milliseconds since the epoch. */
  readonly atMs: number
}

/** A state of the notification that no delivery tells. */
export type NotificationEnd = 'accepted' | 'duplicate' | 'rejected' | 'failed' | 'suppressed'

/** A notification as an upstream writes it to Kafka, for one recipient. Every field but to may be left out. What the fields may hold is what POST /v1/notifications takes. */
export interface NotificationInbound {
  /** The notification's id, at most 256 bytes; one of its own for each notification. Null: made from eventId, else from where the record stands, so that a repeat gets the same. */
  readonly id: null | string
  /** The upstream's id of the event behind it, at most 256 bytes and unique among all upstreams: a repeat of the event is no second notification. */
  readonly eventId: null | string
  /** Whose it is: default is the only one so far. */
  readonly tenant: string
  /** Who gets it. At least one field is set. */
  readonly to: Address
  /** The channels asked for; null: by template, content, addresses, then the known recipient. */
  readonly channels: null | readonly string[]
  /** The id of the template to render; its version is pinned when the event is taken in. */
  readonly template: null | string
  /** JSON object: literal content, for any channel or by channel. Beside a template it is the fallback. */
  readonly content: null | string
  /** JSON object: the template's variables, at most 64 KiB. */
  readonly data: string
  /** high, normal or low. */
  readonly priority: string
  /** Not before: RFC 3339 with an offset, 2030-01-31T09:00:00+01:00. Past means now. */
  readonly sendAt: null | string
  /** Not after: RFC 3339 with an offset. */
  readonly expiresAt: null | string
  /** When its deliveries are tried again; null: as configured. */
  readonly retry: null | InboundRetry
  /** Whether and how twins are recognised, beyond the id. */
  readonly dedupe: null | InboundDedupe
  /** JSON object that is carried along and given back, at most 4 KiB. */
  readonly metadata: string
  /** Ties it to what else happened; null: the header x-correlation-id, else made. */
  readonly correlationId: null | string
  /** How often it was replayed from the dead letters; upstreams leave it alone. */
  readonly replays: number
}

/** What the recipient wants to get. */
export interface Preferences {
  /** Channel to whether it is wanted; one not named is wanted. */
  readonly channels: Readonly<Record<string, boolean>>
  /** True: nothing at all. */
  readonly muted: boolean
}

/** A notification joined with its recipient and rendered for each candidate channel. */
export interface NotificationRendered {
  /** What was asked, without data and content, which are rendered now. */
  readonly request: NotificationRequested
  /** Channel to the address the recipient has there, the request's before the stored. */
  readonly addresses: Readonly<Record<string, string>>
  /** Channel to the addresses that the recipient has there beyond the one in addresses, such as more devices; null: none. */
  readonly furtherAddresses: null | Readonly<Record<string, readonly string[]>>
  /** The stored recipient's; null for an unknown one. */
  readonly preferences: null | Preferences
  /** The channels in question, in the order asked. */
  readonly candidates: readonly Candidate[]
  /** What was decided so far. */
  readonly trail: readonly TrailEntry[]
}

/** What was asked, as far as the record shows it. */
export interface NotificationSummary {
  /** The recipient's key. */
  readonly recipient: string
  /** The channels asked for; empty where none were named. */
  readonly channels: readonly string[]
  /** The template. */
  readonly template: null | TemplateReference
  /** The priority. */
  readonly priority: Priority
  /** Not before, in milliseconds since the epoch. */
  readonly sendAtMs: null | number
  /** When it was accepted, in milliseconds since the epoch. */
  readonly acceptedAtMs: number
  /** JSON object that is given back. */
  readonly metadata: string
  /** The batch it came in. */
  readonly batchId: null | string
  /** The request's correlation id. */
  readonly correlationId: string
  /** The contract it came by. */
  readonly origin: string
}

/** A change of the public status, with what led to it. Merging is idempotent and needs no order. */
export interface NotificationStatus {
  /** Unique and the same when written again. */
  readonly eventId: string
  /** The notification. */
  readonly notificationId: string
  /** Whose it is. */
  readonly tenant: string
  /** The recipient's key. */
  readonly recipient: string
  /** When, in milliseconds since the epoch. */
  readonly atMs: number
  /** A state that no delivery tells; null: the deliveries tell it. */
  readonly status: null | NotificationEnd
  /** The notification this one is a twin of. */
  readonly duplicateOf: null | string
  /** What was asked; with accepted, duplicate and rejected. */
  readonly summary: null | NotificationSummary
  /** The deliveries that changed. */
  readonly deliveries: readonly DeliveryStatus[]
  /** The decisions since the last status event. */
  readonly trail: readonly TrailEntry[]
  /** W3C trace context of the notification. */
  readonly traceparent: null | string
}

/** The state of a breaker: of a provider, or of a part of it that fails alone. */
export interface ProviderHealth {
  /** Provider name, and behind a slash the part of it: a channel; of webhooks an origin, or an origin and 8 hex digits of the URL's hash. */
  readonly key: string
  /** Whose it is. */
  readonly tenant: string
  /** Provider name. */
  readonly provider: string
  /** The breaker's state. */
  readonly state: BreakerState
  /** Since when, in milliseconds since the epoch. */
  readonly atMs: number
  /** When a probe may go through, in milliseconds since the epoch; null when closed. */
  readonly retryAtMs: null | number
  /** Since when it has not been closed, in milliseconds since the epoch; null when closed. */
  readonly sinceMs: null | number
  /** What the last call came to that kept it from being closed, at most 500 characters; null when closed. */
  readonly lastError: null | string
}

/** What became of a dead letter: put back, or kept for good because it came back too often. */
export type ReplayDecision = 'replayed' | 'parked'

/** What became of a dead letter. Committed with the replay itself; the store is told from it. */
export interface ReplayDecided {
  /** Id of the dead letter. */
  readonly letterId: string
  /** The notification that the letter names, so that this takes the letter's partition. */
  readonly notificationId: null | string
  /** Whose it is. */
  readonly tenant: string
  /** What was decided. */
  readonly decision: ReplayDecision
  /** When it was decided, in milliseconds since the epoch. */
  readonly decidedAtMs: number
}

/** The command to put a dead letter's record back where it was given up; it runs behind the letter, in its partition. */
export interface ReplayRequested {
  /** Id of the dead letter. */
  readonly letterId: string
  /** The notification that the letter names, so that this takes the letter's partition. */
  readonly notificationId: null | string
  /** Whose it is. */
  readonly tenant: string
  /** The request's correlation id. */
  readonly correlationId: string
  /** When it was asked, in milliseconds since the epoch. */
  readonly requestedAtMs: number
}

/** Every record by the name of its file. */

export interface Events {
  address: Address
  attempt: Attempt
  'cancel-requested': CancelRequested
  message: Message
  candidate: Candidate
  'dead-letter': DeadLetter
  'dedupe-request': DedupeRequest
  'retry-request': RetryRequest
  'trail-entry': TrailEntry
  delivery: Delivery
  'delivery-released': DeliveryReleased
  'delivery-routed': DeliveryRouted
  'delivery-status': DeliveryStatus
  'inbound-dedupe': InboundDedupe
  'inbound-retry': InboundRetry
  'template-reference': TemplateReference
  'notification-requested': NotificationRequested
  'notification-accepted': NotificationAccepted
  'notification-changed': NotificationChanged
  'notification-inbound': NotificationInbound
  preferences: Preferences
  'notification-rendered': NotificationRendered
  'notification-summary': NotificationSummary
  'notification-status': NotificationStatus
  'provider-health': ProviderHealth
  'replay-decided': ReplayDecided
  'replay-requested': ReplayRequested
}
