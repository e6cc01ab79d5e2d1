/** How contract C tells of errors. */
import { z } from '@hono/zod-openapi'
import type { ContractErrors } from './contract.js'

/** `{error}`. */
export const errorsOfC: ContractErrors = {
  schema: z.object({ error: z.string() }).openapi('ServiceError'),
  body: (error) => ({ error }),
}
