/** Stores on a database of their own, for the tests beside. */

import { type MongoStoreOptions, type MongoStores, openMongoStores } from '../../../pipeline/stores/mongodb/stores.js'
import { testRetention } from '../store-under-test.js'
import { dropDatabase, freshDatabase, type MongoUnderTest } from './mongo-under-test.js'

export interface Opener {
  readonly url: string
  /** The database's name. */
  readonly database: string
  /** Opens the database once more, as another process would. */
  open(options?: Partial<MongoStoreOptions>): MongoStores
  /** Closes all that were opened, and drops the database. */
  close(): Promise<void>
}

export function databaseUnderTest(server: MongoUnderTest): Opener {
  const { url } = server
  const database = freshDatabase()
  const opened: MongoStores[] = []
  return {
    url,
    database,
    open(options = {}) {
      const given = { url, database, retention: testRetention, expire: false, nowMs: Date.now, ...options }
      const stores = openMongoStores(given)
      opened.push(stores)
      return stores
    },
    async close() {
      for (const stores of opened) await stores.close()
      await dropDatabase(url, database)
    },
  }
}
