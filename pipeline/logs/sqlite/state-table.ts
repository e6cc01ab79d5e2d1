/** The table of state: the keyed entries that stages commit together with their outputs. */
import type { Scope, StateChange, StateEntry } from '../../../stages/stage.js'
import type { Database } from './database.js'

export interface StateTable {
  get(group: string, scope: Scope, key: string): Uint8Array | undefined
  /** At most `limit` entries with from <= key < to, in the order of their keys. */
  range(group: string, scope: Scope, from: string, to: string, limit: number): readonly StateEntry[]
  /** Writes or deletes one entry within a transaction. */
  apply(group: string, change: StateChange): void
  /** How many entries of a group's state lie in the ranges, each from a key to a key; counts up to `max`. */
  count(group: string, ranges: readonly (readonly [string, string])[], max: number): number
  /** Forgets the ids of scopes: the transaction that inserted them may have been rolled back. */
  reload(): void
}

export function stateTable(database: Database): StateTable {
  const scopes = scopeIds(database)
  const upsert = database.prepare(
    `INSERT INTO log_state (scope, key, value, expires_ms) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET value = excluded.value, expires_ms = excluded.expires_ms`,
  )
  const remove = database.prepare('DELETE FROM log_state WHERE scope = ? AND key = ?')
  const select = database.prepare('SELECT value FROM log_state WHERE scope = ? AND key = ?')
  const selectRange = database.prepare(
    'SELECT key, value FROM log_state WHERE scope = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?',
  )
  const scopesOf = database.prepare('SELECT id FROM log_scopes WHERE grp = ?')
  const countRange = database.prepare(
    'SELECT count(*) AS count FROM (SELECT 1 FROM log_state WHERE scope = ? AND key >= ? AND key < ? LIMIT ?)',
  )

  return {
    get(group, scope, key) {
      const row = database.read(() => select.get(scopes.idOf(group, scope), key))
      return (row as { value: Uint8Array } | undefined)?.value
    },
    range(group, scope, from, to, limit) {
      const rows = database.read(() => selectRange.all(scopes.idOf(group, scope), from, to, limit))
      return rows as unknown as StateEntry[]
    },
    apply(group, { scope, key, value, expiresAtMs }) {
      const id = scopes.idOf(group, scope)
      if (value === null) remove.run(id, key)
      else upsert.run(id, key, value, expiresAtMs)
    },
    count(group, ranges, max) {
      let count = 0
      for (const { id } of scopesOf.all(group) as { id: number }[]) {
        for (const [from, to] of ranges) {
          count += (countRange.get(id, from, to, max - count) as { count: number }).count
        }
      }
      return count
    },
    reload: scopes.forget,
  }
}

/** The numbers that stand for scopes in the table of state, kept in memory once they are known. */
function scopeIds(database: Database) {
  const ids = new Map<string, number>()
  return {
    idOf(group: string, { lane, partition }: Scope): number {
      const key = `${group}/${lane}/${partition}`
      let id = ids.get(key)
      if (id === undefined) {
        const insert = 'INSERT INTO log_scopes (grp, lane, partition) VALUES (?, ?, ?) ON CONFLICT DO NOTHING'
        database.prepare(insert).run(group, lane, partition)
        const select = 'SELECT id FROM log_scopes WHERE grp = ? AND lane = ? AND partition = ?'
        id = (database.prepare(select).get(group, lane, partition) as { id: number }).id
        ids.set(key, id)
      }
      return id
    },
    forget: () => ids.clear(),
  }
}
