/** Contract C's words for the status of a notification. */
import { type NotificationRecord, type NotificationState, notificationStatuses } from '../../schemas/record.js'

export const statusesOfC = ['pending', 'scheduled', 'processing', 'delivered', 'failed', 'cancelled'] as const
export type StatusOfC = (typeof statusesOfC)[number]

const words: Readonly<Record<NotificationState, StatusOfC>> = {
  accepted: 'pending',
  scheduled: 'scheduled',
  processing: 'processing',
  sent: 'delivered',
  delivered: 'delivered',
  simulated: 'delivered',
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

/** The word that C has for a record's. What waits, but not for its time, is pending there, or processing once it has been
 *  on its way. */
export function statusOfRecord({ status, sendAt, timeline }: NotificationRecord): StatusOfC {
  if (status !== 'scheduled') return words[status]
  if (timeline.some(({ stage, event }) => stage === 'throttle' && event === 'released')) return 'processing'
  return sendAt === undefined ? 'pending' : 'scheduled'
}

/** The statuses that C may call by a word. */
export function statusesCalled(word: StatusOfC): readonly NotificationState[] {
  const mayWait = word === 'pending' || word === 'processing'
  return notificationStatuses.filter((status) => words[status] === word || (mayWait && status === 'scheduled'))
}
