/** What the queries and bodies of contract C have in common. */
import { z } from '@hono/zod-openapi'

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
