/** /v1/dead-letters: records that no stage could take. */
import { z } from '@hono/zod-openapi'
import { answer, type IngressApp, serveEndpoint } from '../endpoint.js'
import { identifier, shortText } from '../identifier.js'
import { pageOf, pageQuery } from '../paging.js'
import type { IngressPorts } from '../ports.js'
import { Problem } from '../problem.js'

// The id names a topic, partition, offset and stage, so it may be longer than an id of the API.
const params = z.object({ id: shortText(1024) })
const path = '/v1/dead-letters/{id}'

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
    status: z.enum(['dead', 'replayed', 'parked']),
    headers: z.record(z.string(), z.string()),
    valueBase64: z.string().optional().openapi({ description: 'The original bytes.' }),
    decoded: z.unknown().optional().openapi({ description: 'Null where the bytes could not be read.' }),
  })
  .openapi('DeadLetter')
const replayAnswer = z.strictObject({ id: z.string(), status: z.literal('replayed') }).openapi('ReplayAnswer')

const query = pageQuery.extend({ stage: identifier.optional(), cause: identifier.optional() })

export function deadLetterRoutes(app: IngressApp, { deadLetters }: IngressPorts): void {
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
    async ({ c, query: { limit, cursor, stage, cause } }) => {
      const page = await deadLetters.list({
        limit,
        ...(cursor !== undefined && { cursor }),
        ...(stage !== undefined && { stage }),
        ...(cause !== undefined && { cause }),
      })
      return answer(c, 200, page)
    },
  )
  serveEndpoint(
    app,
    {
      method: 'get',
      path,
      tag: 'Operations',
      summary: 'One dead letter',
      params,
      answers: { 200: { description: 'With its original bytes.', schema: shape } },
      problems: [404, 503],
    },
    async ({ c, params: { id } }) => {
      const letter = await deadLetters.get(id)
      if (!letter) throw missing()
      return answer(c, 200, letter)
    },
  )
  serveReplay(app, deadLetters)
}

function serveReplay(app: IngressApp, deadLetters: IngressPorts['deadLetters']): void {
  serveEndpoint(
    app,
    {
      method: 'post',
      path: `${path}/replay`,
      tag: 'Operations',
      summary: 'Put a dead letter back at the head of the pipeline',
      params,
      answers: { 200: { description: 'Put back.', schema: replayAnswer } },
      problems: [404, 409, 503, 507],
    },
    async ({ c, params: { id } }) => {
      const outcome = await deadLetters.replay(id)
      switch (outcome) {
        case 'replayed':
          return answer(c, 200, { id, status: outcome })
        case 'already-replayed':
          throw new Problem('conflict', 'It was replayed already.')
        case 'parked':
          throw new Problem('conflict', 'It came back from its replays too often and is kept for a person to look at.')
        case 'not-replayable':
          throw new Problem('conflict', 'It cannot be replayed: its bytes make no notification.')
        case 'unknown':
          throw missing()
      }
    },
  )
}

function missing(): Problem {
  return new Problem('not-found', 'There is no dead letter with this id.')
}
