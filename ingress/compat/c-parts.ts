/** What the routes of contract C share. */
import type { NotificationRecord } from '../../schemas/record.js'
import type { IngressApp } from '../endpoint.js'
import type { IngressOptions } from '../options.js'
import type { IngressPorts } from '../ports.js'
import type { RecordWaits } from '../record-waits.js'
import { foundRecord } from '../routes/notification-records.js'

/** The heading of its routes in the documentation. */
export const tagOfC = 'Contract C: notification service'

export interface PartsOfC {
  readonly app: IngressApp
  readonly ports: IngressPorts
  readonly waits: RecordWaits
  readonly options: IngressOptions
}

/** The record; one that is fresh may be yet to come. Throws a 404. */
export function recordFor({ ports, waits, options }: PartsOfC, id: string): Promise<NotificationRecord> {
  return foundRecord(ports, waits, id, options.settleWaitMs)
}
