/** What the stores' lists of records have in common. */
import type { RecordQuery } from '../../ingress/ports.js'
import type { NotificationState } from '../../schemas/record.js'

/** What a list's cursor belongs to. */
export function askedRecords({ tenant, statuses, origin, channel, recipient, fromMs, toMs }: RecordQuery) {
  const anyOf = statuses && [...new Set(statuses)].sort()
  return ['records', tenant, anyOf, origin, channel, recipient, fromMs, toMs] as const
}

/** Statuses that most notifications have at some time. */
const commonStatuses: ReadonlySet<NotificationState> = new Set(['accepted', 'processing', 'sent', 'delivered'])

/** Whether few records have any of these. */
export function areRare(statuses: readonly NotificationState[]): boolean {
  return !statuses.some((status) => commonStatuses.has(status))
}
