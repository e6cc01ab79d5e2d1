/** Contract C's words for the status of a notification. */
import { type NotificationState, notificationStatuses } from '../../schemas/record.js'

export const statusesOfC = ['pending', 'scheduled', 'processing', 'delivered', 'failed', 'cancelled'] as const
export type StatusOfC = (typeof statusesOfC)[number]

const words: Readonly<Record<NotificationState, StatusOfC>> = {
  accepted: 'pending',
  scheduled: 'scheduled',
  processing: 'processing',
  sent: 'delivered',
  delivered: 'delivered',
  failed: 'failed',
  expired: 'failed',
  suppressed: 'failed',
  rejected: 'failed',
  duplicate: 'failed',
  cancelled: 'cancelled',
}

/** The word that C has for it. */
export function statusOfC(status: NotificationState): StatusOfC {
  return words[status]
}

/** The statuses that C calls by a word. */
export function statusesCalled(word: StatusOfC): readonly NotificationState[] {
  return notificationStatuses.filter((status) => words[status] === word)
}
