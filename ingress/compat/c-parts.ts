/** What the routes of contract C share. */

import { z } from '@hono/zod-openapi'
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

const pageSizeDefault = 20
const maxPageSize = 100

/** May be left out, or be empty, as Go writes what it has not. */
export function optional<S extends z.ZodType>(schema: S) {
  return z.preprocess((value) => (value === '' || value === null ? undefined : value), schema.optional())
}

/** 100 at most, whatever is asked. */
export const pageSize = optional(z.coerce.number().int().min(1))
  .transform((size) => Math.min(size ?? pageSizeDefault, maxPageSize))
  .openapi({
    type: 'integer',
    description: `${pageSizeDefault} unless said; ${maxPageSize} at most, whatever is asked.`,
  })
