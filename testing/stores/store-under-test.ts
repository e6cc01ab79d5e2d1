/** What the conformance suite asks a store to be, and what its tests put into one. */

import { afterEach, beforeEach } from 'vitest'
import type { Acceptance, Claim, Inbox, Outbox, Recipients, Records, Templates } from '../../ingress/ports.js'
import type { DeadLetterReader } from '../../pipeline/stores/dead-letter-store.js'
import type { Retention } from '../../pipeline/stores/retention.js'
import type { DeadLetter, NotificationRequested, NotificationStatus } from '../../schemas/events.js'
import type { Outcomes } from '../../stages/dedupe/dedupe.js'
import type { InboxStore } from '../../stages/deliver/providers/inbox.js'
import type { OutboxStore } from '../../stages/deliver/providers/outbox.js'
import type { Directory, TemplateSource } from '../../stages/enrich-template/enrich-template.js'
import type { Merged } from '../../stages/record/changes.js'

/** A whole store, empty when it is opened. */
export interface StoreUnderTest {
  readonly records: Omit<Records, 'watch'> & Outcomes
  accept(notifications: readonly NotificationRequested[]): Promise<void>
  merge(events: readonly NotificationStatus[]): Promise<readonly Merged[]>
  claim(tenant: string, claim: Claim, nowMs: number): Promise<Acceptance>
  readonly templates: Templates
  readonly templateSource: TemplateSource
  readonly recipients: Recipients
  readonly directory: Directory
  readonly inbox: Inbox & InboxStore
  readonly outbox: Outbox & OutboxStore
  readonly deadLetters: DeadLetterReader
  putDeadLetter(letter: DeadLetter): Promise<void>
  markReplayed(id: string, status: 'replayed' | 'parked'): Promise<boolean>
  /** Removes what is old by then, until nothing is left of it. */
  prune(nowMs: number): Promise<void>
  close(): Promise<void>
}

/** Opens an empty store that keeps things as long as `testRetention` says. */
export type OpenStore = (retention: Retention) => Promise<StoreUnderTest>

export const hourMs = 60 * 60 * 1000

export const testRetention: Retention = {
  recordsMs: 24 * hourMs,
  inboxMs: 48 * hourMs,
  deadLettersMs: 72 * hourMs,
  outboxRows: 20,
}

/** 2026-01-01T00:00:00.000Z */
export const startMs = Date.UTC(2026, 0, 1)

/** A store of its own for each test of the block around it. */
export function eachStore(open: OpenStore): () => StoreUnderTest {
  let store: StoreUnderTest | undefined
  beforeEach(async () => {
    store = await open(testRetention)
  })
  afterEach(async () => {
    await store?.close()
    store = undefined
  })
  return () => {
    if (!store) throw new Error('The store is open during a test only.')
    return store
  }
}

/** A request for an e-mail to user-42, accepted `afterMs` after the start. */
export function sampleRequest(
  id: string,
  afterMs: number,
  changes: Partial<NotificationRequested> = {},
): NotificationRequested {
  return {
    id,
    tenant: 'default',
    nonce: '',
    recipient: 'user-42',
    to: { id: 'user-42', email: null, phone: null, device: null, webhook: null, slack: null },
    channels: ['email'],
    template: null,
    content: null,
    data: '{}',
    priority: 'normal',
    sendAtMs: null,
    expiresAtMs: null,
    retry: null,
    dedupe: null,
    metadata: '{}',
    batchId: null,
    correlationId: 'c-1',
    traceparent: null,
    origin: 'native',
    acceptedAtMs: startMs + afterMs,
    replays: 0,
    ...changes,
  }
}

/** The end of a request's one delivery, `afterMs` after the start, 30 ms after the call began. */
export function sampleEnd(
  request: NotificationRequested,
  afterMs: number,
  status: 'sent' | 'delivered' | 'failed' | 'expired' = 'sent',
): NotificationStatus {
  const { id, tenant, recipient, acceptedAtMs, channels } = request
  const atMs = startMs + afterMs
  const channel = channels?.[0] ?? 'email'
  const attempt = { number: 1, atMs: atMs - 30, outcome: status, error: null, latencyMs: 30, messageId: null }
  const entry = { channel: null, reason: null, detail: null }
  return {
    eventId: `${id}-${status}`,
    notificationId: id,
    tenant,
    recipient,
    atMs,
    status: null,
    duplicateOf: null,
    summary: null,
    deliveries: [
      { id: `${id}:${channel}`, channel, provider: 'test', status, final: true, siblings: 1, attempts: [attempt] },
    ],
    trail: [
      { ...entry, atMs: acceptedAtMs, stage: 'ingress', event: 'accepted' },
      { ...entry, atMs, stage: 'deliver', event: status, channel },
    ],
    traceparent: null,
  }
}

/** Every page of a list, `limit` rows each. */
export async function allPages<T>(
  page: (cursor: string | undefined) => Promise<{ readonly data: readonly T[]; readonly nextCursor: string | null }>,
): Promise<readonly (readonly T[])[]> {
  const pages: (readonly T[])[] = []
  let cursor: string | undefined
  do {
    const { data, nextCursor } = await page(cursor)
    pages.push(data)
    cursor = nextCursor ?? undefined
  } while (cursor !== undefined && pages.length < 100)
  return pages
}
