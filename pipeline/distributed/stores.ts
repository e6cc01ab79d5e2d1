/** The store that the processes of one Carillon share: a MongoDB, or on one machine a SQLite file. */
import { join } from 'node:path'
import type { Inbox, Outbox, Recipients, Records, Templates } from '../../ingress/ports.js'
import type { InboxStore } from '../../stages/deliver/inbox.js'
import type { OutboxStore } from '../../stages/deliver/outbox.js'
import type { Directory, TemplateSource } from '../../stages/enrich-template.js'
import type { RecordStore } from '../../stages/record.js'
import type { Claims } from '../claims.js'
import type { Config } from '../config/config.js'
import { measureFiles, mongoObserver, sqliteObserver } from '../metrics/databases.js'
import { createMetrics, type Metrics } from '../metrics/metrics.js'
import type { MongoObserver } from '../mongodb/monitoring.js'
import type { openMongoStores } from '../mongodb/stores.js'
import { type Retention, storeRetention } from '../retention.js'
import { Database, openingError } from '../sqlite/database.js'
import { recordReader } from '../sqlite/records.js'
import { openStores } from '../sqlite/stores.js'

export interface SharedStores {
  readonly merge: RecordStore['merge']
  readonly records: Omit<Records, 'watch'>
  readonly claims: Claims
  readonly templates: Templates
  readonly templateSource: TemplateSource
  readonly recipients: Recipients
  readonly directory: Directory
  readonly inbox: Inbox & InboxStore
  readonly outbox: Outbox & OutboxStore
  readonly letters: ReturnType<typeof openMongoStores>['letters']
  /** Removes a bite of what is past its time; true when there may be more. */
  prune(): Promise<boolean>
  /** Makes what must be there before it is fast. To be called until it resolves. */
  prepare(): Promise<void>
  close(): Promise<void>
}

/** Opens the configured store. A MongoDB need not be there yet. Operations are counted in `metrics`. */
export async function openSharedStores(
  config: Config,
  nowMs: () => number,
  metrics: Metrics = createMetrics(),
): Promise<SharedStores> {
  const limits = storeRetention(config.retention)
  return config.store.kind === 'mongodb'
    ? mongoStores(config.store.url, limits, nowMs, mongoObserver(metrics))
    : sqliteStores(join(config.dataFolder, 'carillon.db'), limits, nowMs, metrics)
}

async function mongoStores(
  url: string,
  retention: Retention,
  nowMs: () => number,
  observer: MongoObserver,
): Promise<SharedStores> {
  const { openMongoStores } = await import('../mongodb/stores.js')
  const stores = openMongoStores({ url, retention, nowMs, observer })
  return { ...stores, prepare: stores.ensureIndexes }
}

function sqliteStores(file: string, limits: Retention, nowMs: () => number, metrics: Metrics): SharedStores {
  try {
    const database = new Database(file, { observer: sqliteObserver(metrics, 'both') })
    measureFiles(metrics, file)
    const stores = openStores(database, limits, nowMs)
    return {
      ...stores,
      records: recordReader(database),
      prepare: async () => undefined,
      close: async () => database.close(),
    }
  } catch (error) {
    throw openingError(error, file)
  }
}
