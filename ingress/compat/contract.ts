/** What the contracts of other systems have in common: their errors look as they did there, and a body counts as JSON
 *  whatever it is declared to be. Who may call, correlation ids and limits are those of every route. */
import { OpenAPIHono, z } from '@hono/zod-openapi'
import { type IngressApp, type IngressEnvironment, type Input, serveEndpoint } from '../endpoint.js'
import type { Endpoint } from '../endpoint-document.js'
import { Problem, problemHeaders, problemOf } from '../problem.js'

/** How a contract tells of errors. */
export interface ContractErrors {
  readonly schema: z.ZodType
  readonly body: (message: string) => unknown
  /** The status that the contract has for a problem; its own unless said. */
  readonly status?: (problem: Problem) => number
}

/** `{error}`, as contracts B and C have it. */
export const errorField: ContractErrors = {
  schema: z.object({ error: z.string() }).openapi('ServiceError'),
  body: (error) => ({ error }),
}

/** Field errors told in one message; of more, the first. */
const errorsTold = 10

/** An app for a contract's routes, to be mounted in the ingress's. */
export function contractApp({ body, status }: ContractErrors): IngressApp {
  const app: IngressApp = new OpenAPIHono<IngressEnvironment>()
  app.onError((error, c) => {
    const problem = problemOf(error)
    // The log of requests tells of what was not expected.
    c.error = error
    const headers = { 'content-type': 'application/json', ...problemHeaders(problem) }
    return new Response(JSON.stringify(body(messageOf(problem))), {
      status: status?.(problem) ?? problem.status,
      headers,
    })
  })
  return app
}

/** Serves an endpoint of a contract. */
export function serveContract<
  P extends z.ZodType = z.ZodUndefined,
  Q extends z.ZodType = z.ZodUndefined,
  B extends z.ZodType = z.ZodUndefined,
>(
  app: IngressApp,
  { schema: errors }: ContractErrors,
  endpoint: Endpoint<P, Q, B>,
  handle: (input: Input<z.output<P>, z.output<Q>, z.output<B>>) => Response | Promise<Response>,
): void {
  const { body } = endpoint
  const lenient = body && { body: { form: 'lenient-json' as const, ...body } }
  serveEndpoint(app, { ...endpoint, ...lenient, errors }, handle)
}

/** All that is wrong, by the path of each field. */
function messageOf({ detail, errors }: Problem): string {
  if (errors.length === 0) return detail
  const told = errors.slice(0, errorsTold).map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
  const more = errors.length - told.length
  return `${told.join(' ')}${more > 0 ? ` And ${more} more.` : ''}`
}

/** Answers what a contract does not, under a path of its own, with its errors. To be called after its routes. */
export function serveNothingElse(app: IngressApp, ...paths: readonly string[]): void {
  for (const path of paths) {
    app.all(path, () => {
      throw new Problem('not-found', 'Nothing answers at this path by this method. /docs shows what does.')
    })
  }
}
