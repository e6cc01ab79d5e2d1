/** What the bench sends: text messages from a template with three variables, to many recipients. Made by the ingress's
 *  own function, so that they are what HTTP would have made of the request. */
import { v7 as uuid } from 'uuid'
import { normalize } from '../ingress/requests/normalize.js'
import type { NotificationRequested } from '../schemas/events.js'
import type { Lane } from '../schemas/streams.js'
import type { TemplateVersion } from '../schemas/template.js'
import { progressBar } from './run.js'

const text = 'Hello {{ name }}, your order {{ order }} is on its way. It should reach you on {{ day }}.'
const created = '2026-01-01T00:00:00.000Z'

/** Channels that the bench sends by. */
export const benchChannels = ['sms', 'push'] as const
export type BenchChannel = (typeof benchChannels)[number]

/** The template that every notification names. */
export const orderShipped: TemplateVersion = {
  id: 'order-shipped',
  version: 1,
  locale: 'en',
  locales: {
    en: {
      sms: { subject: null, text, html: null, data: null },
      push: { subject: 'Order {{ order }}', text, html: null, data: null },
    },
  },
  defaults: {},
  createdAt: created,
  updatedAt: created,
}

const templates = new Map([[orderShipped.id, orderShipped]])
const recipients = 50_000
const batch = 1000

/** The numbers from `first` on, as notifications accepted now. */
export function makeNotifications(
  first: number,
  count: number,
  priority: Lane = 'normal',
  channel: BenchChannel = 'sms',
): NotificationRequested[] {
  const context = {
    tenant: 'default',
    nowMs: Date.now(),
    newId: () => uuid(),
    correlationId: uuid(),
    traceparent: null,
    batchId: count === 1 ? null : uuid(),
    dedupeWindowMs: 10_800_000,
    retryBounds: { minWaitMs: 1000, maxGiveUpAfterMs: 604_800_000 },
    templates,
  }
  return Array.from({ length: count }, (_, index) => {
    const number = first + index
    const made = normalize({ ...requestOf(number, channel), priority }, context)
    const [notification] = made.ok ? made.notifications : []
    if (!notification) throw new Error('The bench makes notifications that the ingress does not take')
    return notification
  })
}

/** Makes `count` notifications in batches, of which so many are appended at once; returns their ids. */
export async function layBacklog(
  count: number,
  append: (notifications: readonly NotificationRequested[]) => Promise<unknown>,
  { priority = 'normal', atOnce = 1 }: { readonly priority?: Lane | undefined; readonly atOnce?: number } = {},
): Promise<string[]> {
  const ids: string[] = []
  const bar = progressBar('accepting', count)
  while (ids.length < count) {
    const appends: Promise<unknown>[] = []
    while (appends.length < atOnce && ids.length < count) {
      const notifications = makeNotifications(ids.length, Math.min(batch, count - ids.length), priority)
      appends.push(append(notifications))
      for (const { id } of notifications) ids.push(id)
    }
    await Promise.all(appends)
    bar.update(ids.length)
  }
  bar.stop()
  return ids
}

/** One notification as HTTP is asked for it. */
export function requestOf(number: number, channel: BenchChannel) {
  const recipient = number % recipients
  const address =
    channel === 'sms' ? { phone: `+49151${String(10_000_000 + recipient)}` } : { device: `device-${recipient}` }
  return {
    to: { id: `user-${recipient}`, ...address },
    channels: [channel],
    template: orderShipped.id,
    data: { name: `Ada the ${recipient}th`, order: `A-${number}`, day: 'Friday' },
  }
}

/** The idempotency key that the provider sees. */
export function deliveryKey(notificationId: string, channel: BenchChannel = 'sms'): string {
  return `${notificationId}.${channel}`
}
