/** Ids of users that are numbers. */
import { z } from '@hono/zod-openapi'

/** An integer written in decimal, as a form or a path has it. Beyond 2^53 two ids could not be told apart. */
export const integer = z
  .string({ error: 'Must be an integer.' })
  .regex(/^[+-]?\d{1,17}$/, { error: 'Must be an integer.', abort: true })
  .transform(Number)
  .refine(Number.isSafeInteger, 'Must be an integer of at most 9007199254740991.')
  .openapi({ type: 'integer' })
