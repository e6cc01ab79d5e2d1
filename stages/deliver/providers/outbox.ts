/** Carries every channel that has no provider: it keeps what would have been sent, and says that nothing was sent. */
import type { Message } from '../../../schemas/events.js'
import type { Provider } from './provider.js'

/** One message that was not sent. */
export interface OutboxEntry {
  /** The delivery's id. */
  readonly id: string
  readonly notificationId: string
  readonly tenant: string
  readonly channel: string
  readonly address: string
  readonly message: Message
  /** In milliseconds since the epoch. */
  readonly keptAtMs: number
}

/** Where such messages are kept; bounded by whoever implements it. */
export interface OutboxStore {
  /** Keeps the message, unless one of its id is there. A rejection's message holds neither content nor addresses. */
  put(entry: OutboxEntry): Promise<void>
}

/** What may be said aloud of a message that was kept: nothing of its content or its recipient. */
export interface OutboxLine {
  readonly deliveryId: string
  readonly channel: string
  readonly note: string
  /** The trace context of the call. */
  readonly traceparent: string | null
}

export interface OutboxOptions {
  readonly name?: string
  readonly store: OutboxStore
  /** Called for each message after it is kept. */
  readonly announce: (line: OutboxLine) => void
  readonly nowMs: () => number
}

const note = 'kept in the outbox; nothing was sent'

/** A provider that sends nothing. */
export function outboxProvider({ name = 'outbox', store, announce, nowMs }: OutboxOptions): Provider {
  return {
    name,
    send: async ({ delivery, traceparent }) => {
      const { id, notificationId, tenant, channel, address, message } = delivery
      await store.put({ id, notificationId, tenant, channel, address, message, keptAtMs: nowMs() })
      announce({ deliveryId: id, channel, note, traceparent })
      return { outcome: 'sent', detail: note }
    },
    destination: () => null,
    close: async () => {},
  }
}
