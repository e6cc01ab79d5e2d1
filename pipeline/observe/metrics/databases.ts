/** Counts what is asked of databases. */
import { statSync } from 'node:fs'
import type { DatabaseObserver } from '../../logs/sqlite/database.js'
import type { MongoObserver } from '../../stores/mongodb/monitoring.js'
import type { Metrics } from './metrics.js'

/** Told of one operation; `failure` is the error's code, null where it went well. Both come from bounded sets. */
export type OperationTeller = (operation: string, ms: number, failure: string | null) => void

export function operationTeller({ databaseSeconds }: Metrics, system: 'sqlite' | 'mongodb'): OperationTeller {
  return (operation, ms, failure) =>
    databaseSeconds.observe(
      { db_system_name: system, db_operation_name: operation, error_type: failure ?? '' },
      ms / 1000,
    )
}

/** `commits`: of the thread that writes, which reads within them all the time: its reads are not told. */
export function sqliteObserver(metrics: Metrics, tells: 'commits' | 'reads' | 'both'): DatabaseObserver {
  const tell = operationTeller(metrics, 'sqlite')
  return {
    ...(tells !== 'reads' && { committed: (ms, failure) => tell('commit', ms, failure) }),
    ...(tells !== 'commits' && { read: (ms, failure) => tell('read', ms, failure) }),
  }
}

/** Measures the database's files at each scrape. */
export function measureFiles(metrics: Metrics, databaseFile: string): void {
  const sizeOf = (file: string) => statSync(file, { throwIfNoEntry: false })?.size ?? 0
  metrics.atScrape('databaseBytes', () => {
    metrics.databaseBytes.set({ file: 'database' }, sizeOf(databaseFile))
    metrics.databaseBytes.set({ file: 'wal' }, sizeOf(`${databaseFile}-wal`))
  })
}

export function mongoObserver(metrics: Metrics): MongoObserver {
  return {
    ran: operationTeller(metrics, 'mongodb'),
    connections(idle, used) {
      metrics.databaseConnections.set({ db_system_name: 'mongodb', db_client_connection_state: 'idle' }, idle)
      metrics.databaseConnections.set({ db_system_name: 'mongodb', db_client_connection_state: 'used' }, used)
    },
  }
}
