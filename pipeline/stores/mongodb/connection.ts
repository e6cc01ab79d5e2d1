/** The one connection of a process to MongoDB. It opens with the first call, and again after it was lost.
 *
 *  Invariants: every call has a bound, and rejects with a port's error that holds no document; what is read is read
 *  from the primary; what is acknowledged stands on a majority of the members, unless configured otherwise. */
import { type Collection, type Db, type Document, MongoClient } from 'mongodb'
import { Unavailable } from '../../../schemas/errors.js'
import { portError } from './errors.js'
import { type MongoObserver, observeMongo, tellUnreached } from './monitoring.js'

export interface MongoOptions {
  /** `mongodb://…` or `mongodb+srv://…`, with its credentials. */
  readonly url: string
  /** Without it the URL's, else `carillon`. */
  readonly database?: string
  /** How many members must have a write before it counts. Without it the URL's `w`, else 'majority'. */
  readonly writeConcern?: 'majority' | number
  /** How long a call waits for a member to be there, and for a connection to it. */
  readonly selectionTimeoutMs?: number
  /** How long a call waits for an answer. The driver tries twice where that is safe. */
  readonly answerTimeoutMs?: number
  /** Connections to each member, at most. */
  readonly connections?: number
  readonly observer?: MongoObserver
}

export interface Mongo {
  readonly db: Db
  collection<T extends Document>(name: string): Collection<T>
  /** Runs calls. Rejects with `Unavailable`, `StorageFull` or `StoreRefused`. `what` completes "MongoDB refused to …". */
  run<T>(what: string, work: () => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** Throws the driver's `MongoParseError` for a URL that is none. Does not wait for the server. */
export function openMongo(options: MongoOptions): Mongo {
  const { url, selectionTimeoutMs = 2000, answerTimeoutMs = 5000, connections = 20, observer } = options
  const writeConcern = options.writeConcern ?? (/[?&]w=/.test(url) ? undefined : 'majority')
  const client = new MongoClient(url, {
    appName: 'carillon',
    serverSelectionTimeoutMS: selectionTimeoutMs,
    connectTimeoutMS: selectionTimeoutMs,
    waitQueueTimeoutMS: selectionTimeoutMs,
    socketTimeoutMS: answerTimeoutMs,
    maxPoolSize: connections,
    readPreference: 'primary',
    monitorCommands: observer !== undefined,
    ...(writeConcern !== undefined && { writeConcern: { w: writeConcern, wtimeoutMS: answerTimeoutMs } }),
  })
  if (observer) observeMongo(client, observer)
  const db = client.db(options.database ?? databaseIn(url) ?? 'carillon')
  /** The first connection. The driver heals one that was there once, but leaves a client closed whose first one failed,
   *  so until then each call tries to make it, all together. */
  let connecting: Promise<unknown> | null = null
  let closed = false
  const connected = () => {
    connecting ??= client.connect().catch((error) => {
      connecting = null
      throw error
    })
    return connecting
  }
  return {
    db,
    collection: (name) => db.collection(name),
    async run(what, work) {
      if (closed) throw new Unavailable('The store is closed.')
      const startMs = performance.now()
      try {
        await connected()
        return await work()
      } catch (error) {
        if (observer) tellUnreached(error, performance.now() - startMs, observer)
        throw portError(what, error)
      }
    },
    async close() {
      closed = true
      await client.close()
    },
  }
}

/** The path of the URL. */
function databaseIn(url: string): string | undefined {
  const [, path] = /^mongodb(?:\+srv)?:\/\/[^/?]+\/([^?]+)/.exec(url) ?? []
  return path === undefined ? undefined : decodeURIComponent(path)
}
