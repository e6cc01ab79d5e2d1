/** What would have been sent, had there been a provider: the newest messages (retention.ts says how many). */
import type { Outbox, OutboxMessage } from '../../../ingress/ports.js'
import type { Message } from '../../../schemas/events.js'
import type { OutboxEntry, OutboxStore } from '../../../stages/deliver/providers/outbox.js'
import type { Database } from '../../logs/sqlite/database.js'
import { outboxMessage } from '../outbox-message.js'
import { cursorAt, pageOf, placeOf } from '../pages.js'

/** Writes the outbox; to be called inside `Database.write`. */
export interface OutboxWriter {
  /** Keeps the message, unless one of its id is there. */
  put(entry: OutboxEntry): void
}

interface Row {
  readonly seq: number
  readonly id: string
  readonly notification_id: string
  readonly channel: string
  readonly address: string
  readonly message: string
  readonly at: number
}

export function outboxReader(database: Database): Outbox {
  return {
    list: async (tenant, limit, cursor) =>
      database.read(() => {
        const [after] = placeOf<[number]>(['outbox', tenant], cursor, [0]) ?? [Number.MAX_SAFE_INTEGER]
        const found = database
          .prepare('SELECT * FROM store_outbox WHERE tenant = ? AND seq < ? ORDER BY seq DESC LIMIT ?')
          .all(tenant, after, limit + 1) as unknown as Row[]
        return pageOf(found, limit, messageOf, ({ seq }) => cursorAt(['outbox', tenant], [seq]))
      }),
  }
}

export function outboxWriter(database: Database): OutboxWriter {
  const insert = database.prepare(
    `INSERT INTO store_outbox (tenant, id, notification_id, channel, address, message, at)
     VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  )
  return {
    put: ({ tenant, id, notificationId, channel, address, message, keptAtMs }) => {
      insert.run(tenant, id, notificationId, channel, address, JSON.stringify(message), keptAtMs)
    },
  }
}

/** Both ports, on the one database that can write. A put is synced with the step that tells of it. */
export function outboxStore(database: Database): Outbox & OutboxStore {
  const writer = outboxWriter(database)
  return { ...outboxReader(database), put: (entry) => database.write(() => writer.put(entry), false) }
}

function messageOf({ id, notification_id, channel, address, message, at }: Row): OutboxMessage {
  const kept = JSON.parse(message) as Message
  return outboxMessage({ id, notificationId: notification_id, channel, address, message: kept, keptAtMs: at })
}
