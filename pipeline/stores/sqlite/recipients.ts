/** Recipients that upstream told about. */
import type { Recipients } from '../../../ingress/ports.js'
import { recipientKey } from '../../../schemas/outgoing.js'
import type { KnownRecipient } from '../../../schemas/template.js'
import type { Directory } from '../../../stages/enrich-template/enrich-template.js'
import type { Database } from '../../logs/sqlite/database.js'

/** Writes recipients; to be called inside `Database.write`. */
export interface RecipientWriter {
  put(tenant: string, recipient: KnownRecipient): void
  delete(tenant: string, id: string): boolean
}

export function recipientReader(database: Database): Pick<Recipients, 'get'> {
  const sql = 'SELECT doc FROM store_recipients WHERE tenant = ? AND id = ?'
  return {
    get: async (tenant, id) =>
      database.read(() => {
        const row = database.prepare(sql).get(tenant, id) as { doc: string } | undefined
        return row && (JSON.parse(row.doc) as KnownRecipient)
      }),
  }
}

export function recipientWriter(database: Database): RecipientWriter {
  const put = database.prepare(
    `INSERT INTO store_recipients (tenant, id, doc) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET doc = excluded.doc`,
  )
  const remove = database.prepare('DELETE FROM store_recipients WHERE tenant = ? AND id = ?')
  return {
    put: (tenant, recipient) => {
      put.run(tenant, recipient.id, JSON.stringify(recipient))
    },
    delete: (tenant, id) => remove.run(tenant, id).changes > 0,
  }
}

/** The whole port, on the one database that can write. */
export function recipientStore(database: Database): Recipients {
  const writer = recipientWriter(database)
  return {
    ...recipientReader(database),
    put: (tenant, recipient) => database.write(() => writer.put(tenant, recipient), true),
    delete: (tenant, id) => database.write(() => writer.delete(tenant, id), true),
  }
}

/** Recipients for enrich-template, a batch at a time. Nothing is cached: a preference counts from the next batch on. */
export function directory(database: Database): Directory {
  return {
    find: async (recipients) => {
      if (recipients.length === 0) return new Map()
      const wanted = JSON.stringify(recipients.map(({ tenant, id }) => [tenant, id]))
      const found = database.read(() =>
        database
          .prepare(
            `SELECT r.tenant, r.id, r.doc FROM json_each(?) wanted CROSS JOIN store_recipients r
             ON r.tenant = wanted.value ->> 0 AND r.id = wanted.value ->> 1`,
          )
          .all(wanted),
      ) as { tenant: string; id: string; doc: string }[]
      return new Map(found.map(({ tenant, id, doc }) => [recipientKey(tenant, id), JSON.parse(doc) as KnownRecipient]))
    },
  }
}
