/** A map that keeps the entries used last, at most `limit` of them. */

export interface RecentCache<V> {
  get(key: string): V | undefined
  set(key: string, value: V): void
}

export function recentCache<V>(limit: number): RecentCache<V> {
  const entries = new Map<string, V>()
  return {
    get(key) {
      const value = entries.get(key)
      if (value !== undefined) {
        entries.delete(key)
        entries.set(key, value)
      }
      return value
    },
    set(key, value) {
      entries.delete(key)
      entries.set(key, value)
      const [oldest] = entries.keys()
      if (entries.size > limit && oldest !== undefined) entries.delete(oldest)
    },
  }
}
