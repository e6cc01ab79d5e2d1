/** The store that the processes of one Carillon share: a MongoDB, or on one machine a SQLite file. */
import { join } from 'node:path'
import type { Inbox, Outbox, Recipients, Records, Templates } from '../../../ingress/ports.js'
import type { Outcomes } from '../../../stages/dedupe/dedupe.js'
import type { InboxStore } from '../../../stages/deliver/providers/inbox.js'
import type { OutboxStore } from '../../../stages/deliver/providers/outbox.js'
import type { Directory, TemplateSource } from '../../../stages/enrich-template/enrich-template.js'
import type { RecordStore } from '../../../stages/record/record.js'
import type { Config } from '../../config/config.js'
import { Database, openingError } from '../../logs/sqlite/database.js'
import { measureFiles, mongoObserver, sqliteObserver } from '../../observe/metrics/databases.js'
import { createMetrics, type Metrics } from '../../observe/metrics/metrics.js'
import type { Claims } from '../../stores/claims.js'
import type { MongoObserver } from '../../stores/mongodb/monitoring.js'
import type { openMongoStores } from '../../stores/mongodb/stores.js'
import { type Retention, storeRetention } from '../../stores/retention.js'
import { recordReader } from '../../stores/sqlite/records.js'
import { openStores } from '../../stores/sqlite/stores.js'

export interface SharedStores {
  readonly merge: RecordStore['merge']
  readonly records: Omit<Records, 'watch'> & Outcomes
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
  const { openMongoStores } = await import('../../stores/mongodb/stores.js')
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
