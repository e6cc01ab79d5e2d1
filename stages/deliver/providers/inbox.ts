/** Carries the in-app channel: a message is delivered when the recipient's inbox has it.
 *  Invariant: a delivery is in the inbox once, however often it is sent. */
import type { Provider } from './provider.js'

/** One message for an inbox. */
export interface InboxEntry {
  /** The delivery's id. */
  readonly id: string
  readonly notificationId: string
  readonly tenant: string
  /** Whose inbox: the recipient's id. */
  readonly recipient: string
  readonly title: string | null
  readonly body: string
  /** When the notification was accepted, in milliseconds since the epoch: the inbox's order. */
  readonly acceptedAtMs: number
  /** JSON object, as the notification brought it. */
  readonly metadata: string
}

/** Where inboxes are kept. */
export interface InboxStore {
  /** Keeps the message, unless one of its id is there. A rejection's message holds neither content nor addresses. */
  put(entry: InboxEntry): Promise<void>
}

/** A provider whose answer is the store's. It has no part of its own that could fail alone. */
export function inboxProvider(store: InboxStore, { name = 'inbox' }: { readonly name?: string } = {}): Provider {
  return {
    name,
    send: async ({ delivery }) => {
      const { id, notificationId, tenant, address, message, acceptedAtMs, metadata } = delivery
      const [title, body] = [message.subject && storable(message.subject), storable(message.text ?? '')]
      await store.put({ id, notificationId, tenant, recipient: address, title, body, acceptedAtMs, metadata })
      return { outcome: 'delivered' }
    },
    destination: () => null,
    close: async () => {},
  }
}

/** A NUL shows as nothing, and a store may take it for the end of the text. */
function storable(text: string): string {
  return text.replaceAll('\0', '\uFFFD')
}
