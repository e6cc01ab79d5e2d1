/** How a route is declared, and what the OpenAPI document says of it: its own answers, and what every endpoint may answer
 *  besides. */
import { z } from '@hono/zod-openapi'
import { problemSchema } from './problem.js'

export const tags = [
  'Notifications',
  'Templates',
  'Recipients',
  'Inbox',
  'Live updates',
  'Operations',
  'Health',
  'Contract A: user messages',
  'Contract B: user notifications',
  'Contract C: notification service',
] as const

export interface Endpoint<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  /** With parameters in braces. */
  readonly path: string
  readonly tag: (typeof tags)[number]
  readonly summary: string
  readonly description?: string
  readonly params?: P & z.ZodObject
  readonly query?: Q & z.ZodObject
  /** Documented only: the handler reads them. */
  readonly headers?: z.ZodObject
  readonly body?: RequestBody<B>
  readonly answers: Readonly<Record<number, Answer>>
  /** Statuses of the problems it may answer, besides those that every route may. */
  readonly problems?: readonly number[]
  /** What its errors look like, where they are no problem+json. */
  readonly errors?: z.ZodType
  /** True: needs no key. */
  readonly open?: boolean
}

export interface RequestBody<B extends z.ZodType> {
  readonly schema: B
  /** What is documented instead, where the handler checks in more than one step. */
  readonly documented?: z.ZodType
  readonly maxBytes?: number
  readonly example?: unknown
  /** `json` unless said. `lenient-json`: JSON, whatever the request declares it to be. `form`: of a page or of curl. */
  readonly form?: 'json' | 'lenient-json' | 'form'
}

export interface Answer {
  readonly description: string
  /** Left out: there is no body. */
  readonly schema?: z.ZodType
  readonly mediaType?: string
  readonly headers?: z.ZodObject
}

const problemMeanings: Readonly<Record<number, string>> = {
  400: 'Malformed or not valid; errors tells each field.',
  401: 'The API key is missing or wrong.',
  403: 'A page of another site called.',
  404: 'There is no such thing.',
  409: 'Its state does not allow it.',
  413: 'The body is too large.',
  415: 'The body is not declared as JSON.',
  422: 'The idempotency key was used with another body.',
  429: 'Too many requests; Retry-After tells when to try again.',
  500: 'Unexpected; the log tells more by the correlation id.',
  503: 'Not available now; Retry-After tells when to try again.',
  507: 'The disk is full.',
}

/** What createRoute is told of an endpoint. */
export function documented<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType>(endpoint: Endpoint<P, Q, B>) {
  const { method, path, tag, summary, description, params, query, headers, body, answers, open } = endpoint
  const problems = new Set([
    ...(endpoint.problems ?? []),
    ...(open ? [] : [401]),
    ...(method === 'get' ? [] : [403]),
    500,
  ])
  if (params || query || body) problems.add(400)
  if (body) for (const status of body.form ? [413] : [413, 415]) problems.add(status)
  const schema = body?.documented ?? body?.schema
  const example = body?.example === undefined ? {} : { example: body.example }
  return {
    method,
    path,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    ...(open && { security: [] }),
    request: {
      ...(params && { params }),
      ...(query && { query }),
      headers: correlationRequest.extend(headers?.shape ?? {}),
      ...(schema && { body: { required: true, content: { [mediaTypeOf(body)]: { schema, ...example } } } }),
    },
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, given]) => [status, documentedAnswer(given)])),
      ...Object.fromEntries([...problems].sort().map((status) => [status, documentedProblem(status, endpoint.errors)])),
    },
  }
}

const correlationRequest = z.object({
  'X-Correlation-Id': z.string().max(128).optional().openapi({ description: 'Kept and given back; made if missing.' }),
})
const correlationAnswer = z.object({ 'X-Correlation-Id': z.string() })

function documentedAnswer({ description, schema, mediaType = 'application/json', headers }: Answer) {
  return {
    description,
    headers: correlationAnswer.extend(headers?.shape ?? {}),
    ...(schema && { content: { [mediaType]: { schema } } }),
  }
}

function mediaTypeOf(body: { readonly form?: string } | undefined): string {
  return body?.form === 'form' ? 'application/x-www-form-urlencoded' : 'application/json'
}

function documentedProblem(status: number, errors: z.ZodType | undefined) {
  const description = problemMeanings[status] ?? 'An error.'
  const headers =
    status === 503 || status === 429 ? correlationAnswer.extend({ 'Retry-After': z.string() }) : correlationAnswer
  // Who may not call is told before the contract is looked at.
  const own = errors !== undefined && status !== 401 && status !== 403
  const content = own
    ? { 'application/json': { schema: errors } }
    : { 'application/problem+json': { schema: problemSchema } }
  return { description, headers, content }
}
