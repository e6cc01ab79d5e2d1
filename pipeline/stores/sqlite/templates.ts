/** Templates: every version is kept, for what was accepted with it; the head names the one that counts now. */
import type { Templates } from '../../../ingress/ports.js'
import type { TemplateVersion } from '../../../schemas/template.js'
import type { TemplateKey, TemplateSource } from '../../../stages/enrich-template/enrich-template.js'
import type { Database } from '../../logs/sqlite/database.js'
import { cursorAt, pageOf, placeOf } from '../pages.js'
import { cachedTemplates, type StoredTemplate } from '../template-cache.js'

/** Writes templates; to be called inside `Database.write`. */
export interface TemplateWriter {
  /** A template that is made again after it was deleted goes on from the last version, whatever version it says. */
  put(tenant: string, template: TemplateVersion, expected: number): 'written' | 'conflict'
  delete(tenant: string, id: string): boolean
}

export function templateReader(database: Database): Pick<Templates, 'get' | 'list'> {
  const live = `SELECT h.id, t.doc FROM store_template_heads h
    JOIN store_templates t ON t.tenant = h.tenant AND t.id = h.id AND t.version = h.version
    WHERE h.tenant = ? AND NOT h.deleted`
  return {
    get: async (tenant, id) =>
      database.read(() => {
        const row = database.prepare(`${live} AND h.id = ?`).get(tenant, id) as { doc: string } | undefined
        return row && (JSON.parse(row.doc) as TemplateVersion)
      }),
    list: async (tenant, limit, cursor) =>
      database.read(() => {
        const [after] = placeOf<[string]>(['templates', tenant], cursor, ['']) ?? ['']
        const found = database.prepare(`${live} AND h.id > ? ORDER BY h.id LIMIT ?`).all(tenant, after, limit + 1) as {
          id: string
          doc: string
        }[]
        return pageOf(
          found,
          limit,
          ({ doc }) => JSON.parse(doc) as TemplateVersion,
          ({ id }) => cursorAt(['templates', tenant], [id]),
        )
      }),
  }
}

export function templateWriter(database: Database): TemplateWriter {
  const head = database.prepare('SELECT version, deleted FROM store_template_heads WHERE tenant = ? AND id = ?')
  const insert = database.prepare('INSERT INTO store_templates (tenant, id, version, doc) VALUES (?, ?, ?, ?)')
  const setHead = database.prepare(
    `INSERT INTO store_template_heads (tenant, id, version, deleted) VALUES (?, ?, ?, 0)
     ON CONFLICT DO UPDATE SET version = excluded.version, deleted = 0`,
  )
  const remove = database.prepare(
    'UPDATE store_template_heads SET deleted = 1 WHERE tenant = ? AND id = ? AND NOT deleted',
  )
  return {
    put(tenant, template, expected) {
      const last = head.get(tenant, template.id) as { version: number; deleted: 0 | 1 } | undefined
      if ((last && !last.deleted ? last.version : 0) !== expected) return 'conflict'
      const version = (last?.version ?? 0) + 1
      insert.run(tenant, template.id, version, JSON.stringify({ ...template, version }))
      setHead.run(tenant, template.id, version)
      return 'written'
    },
    delete: (tenant, id) => remove.run(tenant, id).changes > 0,
  }
}

/** The whole port, on the one database that can write. */
export function templateStore(database: Database): Templates {
  const writer = templateWriter(database)
  return {
    ...templateReader(database),
    put: (tenant, template, expected) => database.write(() => writer.put(tenant, template, expected), true),
    delete: (tenant, id) => database.write(() => writer.delete(tenant, id), true),
  }
}

/** Templates for rendering. */
export function templateSource(database: Database): TemplateSource {
  return cachedTemplates(async (missing) => database.read(() => selectVersions(database, missing)))
}

function selectVersions(database: Database, references: readonly TemplateKey[]): StoredTemplate[] {
  const wanted = references.map(({ tenant, id, version }) => [tenant, id, version])
  return database
    .prepare(
      `SELECT t.tenant, t.doc FROM json_each(?) wanted CROSS JOIN store_templates t
       ON t.tenant = wanted.value ->> 0 AND t.id = wanted.value ->> 1 AND t.version = wanted.value ->> 2`,
    )
    .all(JSON.stringify(wanted)) as unknown as StoredTemplate[]
}
