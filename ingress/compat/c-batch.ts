/** Contract C's batches: how they are accepted, and how they stand. */
import { z } from '@hono/zod-openapi'
import type { NotificationRecord } from '../../schemas/record.js'
import type { BatchSummary, IngressPorts } from '../ports.js'
import { acceptOnce, contractKey } from './accept-once.js'
import { type NotificationOfC, rfc3339, shownByC } from './c-notification.js'
import type { PreparedOfC } from './c-request.js'
import { type StatusOfC, statusesCalled } from './c-status.js'

/** A batch of contract C. */
export const batchOfC = z
  .object({
    id: z.string(),
    total_count: z.int(),
    pending_count: z.int().openapi({ description: 'Those that have not ended.' }),
    delivered_count: z.int(),
    failed_count: z.int(),
    cancelled_count: z.int(),
    created_at: z.string(),
  })
  .openapi('ServiceBatch')

/** Accepts a batch. Those without a key are appended together; one whose key is known is the notification that has it.
 *  Whoever sends a batch again because its answer was lost, with keys, gets the first one. */
export async function acceptBatch(
  acceptor: IngressPorts['acceptor'],
  batchId: string,
  all: readonly PreparedOfC[],
  existing: (id: string) => Promise<NotificationRecord>,
) {
  const keyed = all.flatMap(({ event, key }) => (key === null ? [] : [{ event, key }]))
  const owners = await Promise.all(
    keyed.map(async ({ event, key }) => {
      const owner = await acceptOnce(acceptor, event, { key: contractKey('c', key) })
      return [event.id, owner] as const
    }),
  )
  const ownerOf = new Map(owners)
  const unkeyed = all.flatMap(({ event, key }) => (key === null ? [event] : []))
  if (unkeyed.length > 0) await acceptor.accept(unkeyed, null)
  const notifications = await Promise.all(
    all.map(async ({ shown }): Promise<NotificationOfC> => {
      const owner = ownerOf.get(shown.id)
      if (!owner) return shown
      return owner.isNew ? { ...shown, id: owner.id } : shownByC(await existing(owner.id))
    }),
  )
  const fresh = notifications.filter(({ batch_id: id }) => id === batchId).length
  const id = fresh > 0 ? batchId : (notifications[0]?.batch_id ?? batchId)
  const members = notifications.filter(({ batch_id: own }) => own === id)
  const counts = Object.fromEntries(countedAs.map(([name, words]) => [name, countOf(members, words)]))
  return {
    batch: { id, total_count: members.length, ...counts, created_at: rfc3339(all[0]?.event.acceptedAtMs ?? 0) },
    notifications,
  }
}

const countedAs: readonly (readonly [string, readonly StatusOfC[]])[] = [
  ['pending_count', ['pending', 'scheduled', 'processing']],
  ['delivered_count', ['delivered']],
  ['failed_count', ['failed']],
  ['cancelled_count', ['cancelled']],
]

function countOf(notifications: readonly NotificationOfC[], words: readonly StatusOfC[]): number {
  return notifications.filter(({ status }) => words.includes(status)).length
}

/** A batch as it stands. */
export function shownBatch({ batchId, total, createdAt, counts }: BatchSummary) {
  const sums = countedAs.map(([name, words]) => {
    const statuses = words.flatMap(statusesCalled)
    return [name, statuses.reduce((sum, status) => sum + (counts[status] ?? 0), 0)]
  })
  return { id: batchId, total_count: total, ...Object.fromEntries(sums), created_at: createdAt }
}
