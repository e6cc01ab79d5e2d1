/** Pages of a list. */
import { z } from '@hono/zod-openapi'

const limitDefault = 50
const maxLimit = 1000
const maxCursor = 2048

/** What an earlier page gave as its nextCursor. */
export const cursorText = z
  .string()
  .min(1)
  .max(maxCursor)
  .openapi({ description: 'The nextCursor of the page before.' })

/** The query of every list. */
export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(maxLimit).default(limitDefault),
  cursor: cursorText.optional(),
})

/** A page of `item`. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({
    data: z.array(item),
    nextCursor: z.string().nullable().openapi({ description: 'Null on the last page.' }),
  })
}
