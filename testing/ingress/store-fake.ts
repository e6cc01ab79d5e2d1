/** What the fake ports keep, in memory. For tests only. */

import type { RequestLogEntry } from '../../ingress/observer.js'
import type {
  Acceptance,
  Claim,
  DeadLetterRecord,
  InboxMessage,
  IngressPorts,
  OutboxMessage,
  Page,
} from '../../ingress/ports.js'
import { BadCursor } from '../../schemas/errors.js'
import type { CancelRequested, NotificationRequested, ReplayRequested } from '../../schemas/events.js'
import type { Change, NotificationRecord } from '../../schemas/record.js'
import type { KnownRecipient, TemplateVersion } from '../../schemas/template.js'

/** An empty store. */
export function createFakeStore() {
  const state = {
    accepted: [] as NotificationRequested[],
    cancels: [] as { readonly command: CancelRequested; readonly lane: string }[],
    logged: [] as RequestLogEntry[],
    letters: new Map<string, DeadLetterRecord>(),
    replays: [] as ReplayRequested[],
    inboxMessages: [] as InboxMessage[],
    outboxMessages: [] as OutboxMessage[],
  }
  const records = new Map<string, NotificationRecord>()
  const claims = new Map<string, Claim>()
  const watchers = new Set<(change: Change) => void>()

  function record(id: string, change: Partial<NotificationRecord>): void {
    const known = records.get(id)
    if (!known) throw new Error(`Nothing is recorded of ${id}`)
    const changed = { ...known, ...change }
    records.set(id, changed)
    const { recipient, origin = 'native', status, updatedAt: at } = changed
    for (const watcher of watchers) watcher({ id, recipient, origin, status, inbox: false, waitsAgain: false, at })
  }

  function recall(key: string): Claim | undefined {
    return claims.get(key)
  }

  function accept(notifications: readonly NotificationRequested[], claim: Claim | null, pending: boolean): Acceptance {
    const earlier = claim && claims.get(claim.key)
    if (claim && earlier && earlier.answer !== claim.insteadOf) {
      if (earlier.bodyHash !== claim.bodyHash) return { kind: 'reused' }
      return pending ? { kind: 'in-flight' } : { kind: 'replayed', answer: earlier.answer, appended: false }
    }
    if (claim) claims.set(claim.key, claim)
    for (const notification of notifications) records.set(notification.id, recordOf(notification))
    state.accepted.push(...notifications)
    return { kind: 'accepted' }
  }

  return {
    state,
    records,
    watchers,
    templates: new Map<string, TemplateVersion>(),
    recipients: new Map<string, KnownRecipient>(),
    record,
    recall,
    accept,
    list: ({
      statuses,
      origin,
      channel,
      recipient,
      fromMs,
      toMs,
      limit,
      cursor,
    }: Parameters<IngressPorts['records']['list']>[0]) => {
      const wanted = [...records.values()].reverse().filter((found) => {
        const at = Date.parse(found.createdAt)
        return (
          (statuses ?? [found.status]).includes(found.status) &&
          found.origin === (origin ?? found.origin) &&
          found.recipient === (recipient ?? found.recipient) &&
          (channel === undefined || found.channels.includes(channel)) &&
          at >= (fromMs ?? at) &&
          (toMs === undefined || at < toMs)
        )
      })
      return pageOf(wanted, limit, cursor)
    },
    batch: (batchId: string) => {
      const own = [...records.values()].filter((found) => found.batchId === batchId)
      const [first] = own
      if (!first) return undefined
      const counts: Record<string, number> = {}
      for (const { status } of own) counts[status] = (counts[status] ?? 0) + 1
      return { batchId, total: own.length, createdAt: first.createdAt, counts }
    },
  }
}

function recordOf({
  id,
  recipient,
  channels,
  template,
  priority,
  acceptedAtMs,
  batchId,
  origin,
  metadata,
  sendAtMs,
}: NotificationRequested): NotificationRecord {
  const at = new Date(acceptedAtMs).toISOString()
  return {
    id,
    status: 'accepted',
    recipient,
    channels: channels ?? [],
    ...(template && { template }),
    priority,
    createdAt: at,
    updatedAt: at,
    ...(batchId !== null && { batchId }),
    ...(sendAtMs !== null && { sendAt: new Date(sendAtMs).toISOString() }),
    ...(metadata !== '{}' && { metadata: JSON.parse(metadata) }),
    origin,
    deliveries: [],
    timeline: [{ at, stage: 'ingress', event: 'accepted' }],
  }
}

/** A page whose cursor is the place in the list. */
export function pageOf<T>(all: readonly T[], limit: number, cursor = '0'): Page<T> {
  const start = Number(cursor)
  if (!Number.isInteger(start)) throw new BadCursor('Not a cursor')
  const next = start + limit
  return { data: all.slice(start, next), nextCursor: next < all.length ? String(next) : null }
}
