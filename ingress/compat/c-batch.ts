/** Contract C's batches: how they are accepted, and how they stand. */
import { z } from '@hono/zod-openapi'
import type { NotificationRecord } from '../../schemas/record.js'
import type { BatchSummary, IngressPorts } from '../ports.js'
import { Problem } from '../problem.js'
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

/** Looks up what is there already. */
interface Known {
  readonly record: (id: string) => Promise<NotificationRecord>
  readonly batch: (id: string) => Promise<BatchSummary | undefined>
}

/** Accepts a batch. Those without a key are appended together; one whose key is known is the notification that has it,
 *  and no part of this batch. Whoever sends a batch again because its answer was lost, with keys, gets the first one.
 *  Throws a 409 where nothing is new and the keys are of several batches or of none. */
export async function acceptBatch(
  acceptor: IngressPorts['acceptor'],
  batchId: string,
  all: readonly PreparedOfC[],
  known: Known,
) {
  const ownerOf = await owners(acceptor, all)
  const unkeyed = all.flatMap(({ event, key }) => (key === null ? [event] : []))
  if (unkeyed.length > 0) await acceptor.accept(unkeyed, null)
  const notifications = await Promise.all(
    all.map(async ({ shown }): Promise<NotificationOfC> => {
      const owner = ownerOf.get(shown.id)
      if (!owner) return shown
      return owner.isNew ? { ...shown, id: owner.id } : shownByC(await known.record(owner.id))
    }),
  )
  const fresh = notifications.filter(({ batch_id: id }) => id === batchId).length
  if (fresh === 0) return { batch: await firstBatch(notifications, known), notifications }
  const counts = { pending_count: fresh, delivered_count: 0, failed_count: 0, cancelled_count: 0 }
  const created_at = rfc3339(all[0]?.event.acceptedAtMs ?? 0)
  return { batch: { id: batchId, total_count: fresh, ...counts, created_at }, notifications }
}

/** By the id that a notification would have. */
async function owners(acceptor: IngressPorts['acceptor'], all: readonly PreparedOfC[]) {
  const keyed = all.flatMap(({ event, key }) => (key === null ? [] : [{ event, key }]))
  return new Map(
    await Promise.all(
      keyed.map(async ({ event, key }) => {
        const owner = await acceptOnce(acceptor, event, { key: contractKey('c', key) })
        return [event.id, owner] as const
      }),
    ),
  )
}

/** The one that all of them came in. */
async function firstBatch(notifications: readonly NotificationOfC[], { batch }: Known) {
  const [id, ...others] = new Set(notifications.map(({ batch_id }) => batch_id))
  const found = id && others.length === 0 ? await batch(id) : undefined
  if (found) return shownBatch(found)
  throw new Problem('conflict', 'Every idempotency key is known, and they are not those of one batch.')
}

const countedAs: readonly (readonly [string, readonly StatusOfC[]])[] = [
  ['pending_count', ['pending', 'scheduled', 'processing']],
  ['delivered_count', ['delivered']],
  ['failed_count', ['failed']],
  ['cancelled_count', ['cancelled']],
]

/** A batch as it stands. */
export function shownBatch({ batchId, total, createdAt, counts }: BatchSummary) {
  const sums = countedAs.map(([name, words]) => {
    const statuses = new Set(words.flatMap(statusesCalled))
    return [name, [...statuses].reduce((sum, status) => sum + (counts[status] ?? 0), 0)]
  })
  return { id: batchId, total_count: total, ...Object.fromEntries(sums), created_at: createdAt }
}
