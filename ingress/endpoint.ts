/** Declares a route once: what the OpenAPI document says of it is what checks it. */
import { createRoute, type OpenAPIHono, type z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { documented, type Endpoint, type RequestBody } from './endpoint-document.js'
import { type FieldError, invalid } from './problem.js'
import { check } from './requests/field-errors.js'
import { readForm, readJson } from './requests/request-body.js'
import { fieldsNotUtf8, percentsAreUtf8 } from './utf8.js'

/** What a request carries through the ingress. */
export interface IngressEnvironment {
  Variables: {
    correlationId: string
    /** The trace context of what follows from the request; null: none. */
    traceparent: string | null
    /** The route that answered, as declared; undefined where none did. */
    route: string | undefined
  }
}
export type IngressApp = OpenAPIHono<IngressEnvironment>
export type IngressContext = Context<IngressEnvironment>

/** Bytes of a body unless the route says. */
export const maxBodyBytes = 1024 * 1024

export interface Input<P, Q, B> {
  readonly c: IngressContext
  readonly params: P
  readonly query: Q
  readonly body: B
}

/** Serves an endpoint. The handler gets checked input and may throw a `Problem`. */
export function serveEndpoint<
  P extends z.ZodType = z.ZodUndefined,
  Q extends z.ZodType = z.ZodUndefined,
  B extends z.ZodType = z.ZodUndefined,
>(
  app: IngressApp,
  endpoint: Endpoint<P, Q, B>,
  handle: (input: Input<z.output<P>, z.output<Q>, z.output<B>>) => Response | Promise<Response>,
): void {
  const route = createRoute(documented(endpoint))
  app.openAPIRegistry.registerPath(route)
  const { params, query, body, path, errors } = endpoint
  app.on(endpoint.method, route.getRoutingPath(), async (c) => {
    c.set('route', path)
    refuseLoss(c.req.url, path)
    return handle({
      c,
      params: (params && checked(params, c.req.param())) as z.output<P>,
      query: (query && checked(query, errors ? c.req.query() : queryOf(c))) as z.output<Q>,
      body: (body && checked(body.schema, await read(c, body))) as z.output<B>,
    })
  })
}

/** Refuses percent-encoded bytes that are no UTF-8: decoded, they would name something else. */
function refuseLoss(url: string, declaredPath: string): void {
  if (!url.includes('%')) return
  const [, path = '', query = ''] = /^[^?#]*?:\/\/[^/?#]*([^?#]*)\??([^#]*)/.exec(url) ?? []
  const segments = path.split('/')
  const names = declaredPath.split('/').flatMap((name, index) => (percentsAreUtf8(segments[index] ?? '') ? [] : [name]))
  const lost = [...names.map((name) => name.replace(/^\{(.*)\}$/, '$1')), ...fieldsNotUtf8(query)]
  refuse(lost.map((name) => ({ path: name, message: 'Must be UTF-8.' })))
}

/** The parameters by name. Throws for one that is given twice: to use one of them in silence would be to guess. */
function queryOf(c: IngressContext): Readonly<Record<string, string>> {
  const repeated = Object.entries(c.req.queries()).filter(([, values]) => values.length > 1)
  refuse(repeated.map(([path]) => ({ path, message: 'Must be given once.' })))
  return c.req.query()
}

function read(c: IngressContext, { form = 'json', maxBytes = maxBodyBytes }: RequestBody<z.ZodType>): Promise<unknown> {
  return form === 'form' ? readForm(c, maxBytes) : readJson(c, maxBytes, form === 'json')
}

/** A JSON answer. */
export function answer(
  c: IngressContext,
  status: 200 | 201 | 202 | 409,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return jsonText(c, status, JSON.stringify(body), headers)
}

/** An answer that is JSON text already. */
export function jsonText(
  c: IngressContext,
  status: 200 | 201 | 202 | 409,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return c.body(text, status, { 'content-type': 'application/json', ...headers })
}

/** Throws what is wrong with `value`, or returns it parsed. */
export function checked<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = check(schema, value)
  if (result.ok) return result.value
  throw invalid(result.errors)
}

/** Throws when there are errors. */
export function refuse(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid(errors)
}
