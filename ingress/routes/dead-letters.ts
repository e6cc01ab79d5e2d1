/** /v1/dead-letters: records that no stage could take. */
import { z } from '@hono/zod-openapi'
import { answer, type IngressApp, serveEndpoint } from '../endpoint.js'
import type { IngressOptions } from '../options.js'
import { pageOf, pageQuery } from '../paging.js'
import type { IngressPorts } from '../ports.js'
import { identifier } from '../requests/identifier.js'
import { filterOf, foundLetter, letterParams, letterStatuses, replayRoutes } from './dead-letter-replays.js'
import { queryInstant } from './notification-records.js'

const shape = z
  .strictObject({
    id: z.string(),
    at: z.string(),
    stage: z.string(),
    topic: z.string(),
    partition: z.int(),
    offset: z.int(),
    cause: z.string().openapi({ description: 'Stable code of why.' }),
    detail: z.string(),
    notificationId: z.string().optional(),
    replays: z.int(),
    status: z.enum(letterStatuses),
    headers: z.record(z.string(), z.string()),
    valueBase64: z.string().optional().openapi({ description: 'The original bytes.' }),
    decoded: z.unknown().optional().openapi({ description: 'Null where the bytes could not be read.' }),
    replayable: z.boolean().optional().openapi({ description: 'Whether there is anything to put back.' }),
  })
  .openapi('DeadLetter')

const query = pageQuery.extend({
  stage: identifier.optional(),
  cause: identifier.optional(),
  status: z.enum(letterStatuses).optional(),
  from: queryInstant.openapi({ description: 'Given up at or after.' }),
  to: queryInstant.openapi({ description: 'Given up before.' }),
})

export function deadLetterRoutes(app: IngressApp, ports: IngressPorts, options: IngressOptions): void {
  const { deadLetters } = ports
  serveEndpoint(
    app,
    {
      method: 'get',
      path: '/v1/dead-letters',
      tag: 'Operations',
      summary: 'Dead letters, newest first',
      query,
      answers: { 200: { description: 'A page of them.', schema: pageOf(shape) } },
      problems: [503],
    },
    async ({ c, query: { limit, cursor, ...filter } }) => {
      const page = await deadLetters.list({
        ...filterOf(filter),
        limit,
        ...(cursor !== undefined && { cursor }),
      })
      return answer(c, 200, page)
    },
  )
  serveEndpoint(
    app,
    {
      method: 'get',
      path: '/v1/dead-letters/{id}',
      tag: 'Operations',
      summary: 'One dead letter',
      params: letterParams,
      answers: { 200: { description: 'With its original bytes.', schema: shape } },
      problems: [404, 503],
    },
    async ({ c, params: { id } }) => answer(c, 200, await foundLetter(deadLetters, id)),
  )
  replayRoutes(app, ports, options)
}
