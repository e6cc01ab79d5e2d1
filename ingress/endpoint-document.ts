/** What the OpenAPI document says of an endpoint: its own answers, and what every endpoint may answer besides. */
import { z } from '@hono/zod-openapi'
import type { Answer, Endpoint } from './endpoint.js'
import { problemSchema } from './problem.js'

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
