/** Every error the API answers, as RFC 9457 problem details. Nothing else makes an error response. */
import { z } from '@hono/zod-openapi'
import { BadCursor, StorageFull, Unavailable } from '../schemas/errors.js'

/** Every kind of problem: its status and its title. The kind is the end of the problem's `type`. */
export const problemKinds = {
  'invalid-request': [400, 'The request is not valid'],
  'malformed-json': [400, 'The body is not JSON'],
  unauthorized: [401, 'An API key is needed'],
  'cross-site': [403, 'Other sites may not do this'],
  'not-found': [404, 'There is no such thing'],
  conflict: [409, 'It is not in a state that allows this'],
  'in-flight': [409, 'The first request with this key is still under way'],
  'body-too-large': [413, 'The body is too large'],
  'unsupported-media-type': [415, 'The body has to be JSON'],
  'too-many-requests': [429, 'Too many requests'],
  'key-reused': [422, 'The key was used for another request'],
  internal: [500, 'Something went wrong here'],
  unavailable: [503, 'Not available now'],
  'not-ready': [503, 'Not ready'],
  stalled: [503, 'No progress'],
  'storage-full': [507, 'The disk is full'],
} as const satisfies Record<string, readonly [number, string]>
export type ProblemKind = keyof typeof problemKinds

/** Errors named in one problem; of more, the first are told. */
const maxErrors = 1000
/** After what a caller may try again, unless the problem says. */
const retryAfterSecondsDefault = 1

export const fieldErrorSchema = z
  .object({
    path: z.string().openapi({ description: 'The field, by dots: `to.email`. Empty: the request as a whole.' }),
    message: z.string(),
  })
  .openapi('FieldError')
/** What is wrong with one field. */
export type FieldError = z.infer<typeof fieldErrorSchema>

export const problemSchema = z
  .object({
    type: z.string().openapi({ example: 'urn:carillon:problem:invalid-request' }),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    errors: z.array(fieldErrorSchema),
    correlationId: z.string().optional().openapi({ description: 'The X-Correlation-Id of the answer.' }),
  })
  .openapi('Problem', { description: 'RFC 9457 problem details.' })
/** A problem as it is answered. */
export type ProblemBody = z.infer<typeof problemSchema>

/** An error that is the answer. `detail` is for the caller: it holds nothing of the inside, no secrets, no addresses. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly status: number

  constructor(
    readonly code: ProblemKind,
    readonly detail: string,
    readonly errors: readonly FieldError[] = [],
    /** `retryAfterSeconds`: when the caller may try again. */
    readonly options: ErrorOptions & { readonly retryAfterSeconds?: number } = {},
  ) {
    super(detail, options)
    this.status = problemKinds[code][0]
  }
}

/** The answer to a request some fields of which are wrong. */
export function invalid(errors: readonly FieldError[]): Problem {
  const [first] = errors
  const where = first?.path ? `${first.path}: ` : ''
  const more = errors.length > 1 ? ` And ${errors.length - 1} more, see errors.` : ''
  return new Problem('invalid-request', `${where}${first?.message ?? 'Not valid.'}${more}`, errors)
}

/** The problem that an error is for the caller. What is not expected tells nothing of itself. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof Unavailable) {
    return new Problem('unavailable', 'Nothing was done. Try again in a moment.', [], { cause: error })
  }
  if (error instanceof StorageFull) {
    const detail = 'Nothing was done: there is no room left where Carillon stores. It goes on once there is.'
    return new Problem('storage-full', detail, [], { cause: error })
  }
  if (error instanceof BadCursor) return invalid([{ path: 'cursor', message: 'Must be a nextCursor of this list.' }])
  return new Problem('internal', 'The log tells more, by this correlation id.', [], { cause: error })
}

/** A problem's JSON. */
export function problemBody({ code, status, detail, errors }: Problem, correlationId?: string): ProblemBody {
  return {
    type: `urn:carillon:problem:${code}`,
    title: problemKinds[code][1],
    status,
    detail,
    errors: errors.slice(0, maxErrors),
    ...(correlationId !== undefined && { correlationId }),
  }
}

/** The response to an error. */
export function problemResponse(problem: Problem, correlationId: string): Response {
  const headers = { 'content-type': 'application/problem+json', ...problemHeaders(problem) }
  return new Response(JSON.stringify(problemBody(problem, correlationId)), { status: problem.status, headers })
}

/** The headers that go with a problem, however its body looks. */
export function problemHeaders(problem: Problem): Record<string, string> {
  const headers: Record<string, string> = {}
  const { retryAfterSeconds = retryAfterSecondsDefault } = problem.options
  if ([429, 503].includes(problem.status) || problem.code === 'in-flight')
    headers['retry-after'] = `${retryAfterSeconds}`
  // What is left of a body that is too large is not read: the connection cannot be used again.
  if (problem.status === 413) headers.connection = 'close'
  if (problem.status === 401) headers['www-authenticate'] = 'Bearer'
  return headers
}
