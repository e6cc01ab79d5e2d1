/** POST /v1/dead-letters/{id}/replay and POST /v1/dead-letters/replay. A replay is a command on the log: the worker that
 *  keeps dead letters decides, once for each letter; this writes the command, and for a single one waits a little.
 *
 *  Many are replayed a page at a time, as the caller turns the pages: at his rate, and with nothing here to remember. */
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from '@hono/zod-openapi'
import type { ReplayRequested } from '../../schemas/events.js'
import { tenant } from '../../schemas/tenant.js'
import { answer, type IngressApp, type IngressContext, serveEndpoint } from '../endpoint.js'
import type { IngressOptions } from '../options.js'
import { cursorText } from '../paging.js'
import type { DeadLetterFilter, DeadLetterRecord, DeadLetters, IngressPorts } from '../ports.js'
import { Problem } from '../problem.js'
import { identifier, shortText } from '../requests/identifier.js'
import { instant } from '../requests/notification-request.js'

export const letterStatuses = ['dead', 'replayed', 'parked'] as const

/** The id names a topic, partition, offset and stage, so it may be longer than an id of the API. */
export const letterParams = z.object({ id: shortText(1024) })

const pageDefault = 100
const maxPage = 1000
/** A dry run counts no further. */
const maxCount = 10_000
/** Ids that a dry run shows. */
const sampleSize = 10
/** Requests that may wait for their verdict at once; one more is answered without. */
const maxWaiters = 1000
/** Between two looks at a letter that is waited for: at first, and at most. */
const firstLookMs = 10
const longestLookMs = 250

const replayAnswer = z
  .strictObject({ id: z.string(), status: z.enum(['replayed', 'requested']) })
  .openapi('ReplayAnswer')

const filters = z
  .strictObject({
    stage: identifier.optional(),
    cause: identifier.optional(),
    from: instant.optional().openapi({ description: 'Given up at or after.' }),
    to: instant.optional().openapi({ description: 'Given up before.' }),
    limit: z
      .int()
      .min(1)
      .max(maxPage)
      .optional()
      .openapi({ description: `At most so many, ${pageDefault} unless said.` }),
    cursor: cursorText.optional(),
    dryRun: z.boolean().optional().openapi({ description: 'Only tells what would be replayed.' }),
  })
  .refine(
    ({ stage, cause, from, to }) => [stage, cause, from, to].some((given) => given !== undefined),
    'Needs one of stage, cause, from, to.',
  )
  .openapi('ReplayFilter')
const requestedPage = z
  .strictObject({ requested: z.int(), ids: z.array(z.string()), nextCursor: z.string().nullable() })
  .openapi('ReplayPage')
const dryRun = z
  .strictObject({
    matching: z.int(),
    complete: z.boolean().openapi({ description: `False: there are more than the ${maxCount} that were counted.` }),
    groups: z.array(z.strictObject({ stage: z.string(), cause: z.string(), count: z.int() })),
    ids: z.array(z.string()).openapi({ description: 'The newest of them.' }),
  })
  .openapi('ReplayDryRun')

export function replayRoutes(app: IngressApp, ports: IngressPorts, options: IngressOptions): void {
  serveOne(app, ports, options)
  serveMany(app, ports)
}

/** The letter; throws 404. */
export async function foundLetter(deadLetters: DeadLetters, id: string): Promise<DeadLetterRecord> {
  const letter = await deadLetters.get(id)
  if (letter) return letter
  throw new Problem('not-found', 'There is no dead letter with this id.')
}

interface GivenFilter {
  readonly stage?: string | undefined
  readonly cause?: string | undefined
  readonly status?: DeadLetterRecord['status'] | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
}

/** The filter as the store takes it. */
export function filterOf({ stage, cause, status, from, to }: GivenFilter): DeadLetterFilter {
  return {
    ...(stage !== undefined && { stage }),
    ...(cause !== undefined && { cause }),
    ...(status !== undefined && { status }),
    ...(from !== undefined && { fromMs: Date.parse(from) }),
    ...(to !== undefined && { toMs: Date.parse(to) }),
  }
}

function serveOne(app: IngressApp, { deadLetters, nowMs }: IngressPorts, { settleWaitMs }: IngressOptions): void {
  const waitForVerdict = verdicts(deadLetters, settleWaitMs)
  serveEndpoint(
    app,
    {
      method: 'post',
      path: '/v1/dead-letters/{id}/replay',
      tag: 'Operations',
      summary: 'Put a dead letter back where it was given up',
      description: 'However often it is asked, it is put back once.',
      params: letterParams,
      answers: {
        200: { description: 'Put back.', schema: replayAnswer },
        202: { description: 'Asked, and not decided yet.', schema: replayAnswer },
      },
      problems: [404, 409, 503, 507],
    },
    async ({ c, params: { id } }) => {
      const letter = await foundLetter(deadLetters, id)
      if (letter.status === 'replayed') throw new Problem('conflict', 'It was replayed already.')
      refuseParked(letter)
      if (letter.replayable === false) {
        throw new Problem('conflict', 'It cannot be replayed: its bytes make no notification.')
      }
      await deadLetters.requestReplays([commandFor(letter, c, nowMs())])
      const decided = await waitForVerdict(id, c.req.raw.signal)
      refuseParked(decided)
      if (decided?.status === 'replayed') return answer(c, 200, { id, status: 'replayed' })
      return answer(c, 202, { id, status: 'requested' })
    },
  )
}

function serveMany(app: IngressApp, { deadLetters, nowMs }: IngressPorts): void {
  serveEndpoint(
    app,
    {
      method: 'post',
      path: '/v1/dead-letters/replay',
      tag: 'Operations',
      summary: 'Put a page of dead letters back where they were given up',
      description:
        'Newest first; by stage, cause or time. Turn the pages with nextCursor, as fast as what comes after can take it.',
      body: { schema: filters, example: { cause: 'attempts-exhausted', limit: 100 } },
      answers: {
        200: { description: 'What would be replayed.', schema: dryRun },
        202: { description: 'Asked; their status tells when it is done.', schema: requestedPage },
      },
      problems: [503, 507],
    },
    async ({ c, body: { limit = pageDefault, cursor, dryRun = false, ...given } }) => {
      const filter = filterOf({ ...given, status: 'dead' })
      if (dryRun) return answer(c, 200, await counted(deadLetters, filter))
      const page = await deadLetters.list({ ...filter, limit, ...(cursor !== undefined && { cursor }) })
      const atMs = nowMs()
      if (page.data.length > 0) {
        await deadLetters.requestReplays(page.data.map((letter) => commandFor(letter, c, atMs)))
      }
      const ids = page.data.map(({ id }) => id)
      return answer(c, 202, { requested: ids.length, ids, nextCursor: page.nextCursor })
    },
  )
}

async function counted(deadLetters: DeadLetters, filter: DeadLetterFilter): Promise<z.output<typeof dryRun>> {
  const { groups, complete } = await deadLetters.count(filter, maxCount)
  const { data } = await deadLetters.list({ ...filter, limit: sampleSize })
  const matching = groups.reduce((sum, { count }) => sum + count, 0)
  return { matching, complete, groups: [...groups], ids: data.map(({ id }) => id) }
}

function commandFor(
  { id, notificationId }: DeadLetterRecord,
  c: IngressContext,
  requestedAtMs: number,
): ReplayRequested {
  const correlationId = c.get('correlationId')
  return { letterId: id, notificationId: notificationId ?? null, tenant, correlationId, requestedAtMs }
}

function refuseParked(letter: DeadLetterRecord | undefined): void {
  if (letter?.status !== 'parked') return
  throw new Problem('conflict', 'It came back from its replays too often and is kept for a person to look at.')
}

/** Looks again and again until the letter's status says what became of it, or the time is up. */
function verdicts(deadLetters: DeadLetters, timeoutMs: number) {
  let waiting = 0

  return async (id: string, signal: AbortSignal): Promise<DeadLetterRecord | undefined> => {
    const endMs = waiting < maxWaiters ? performance.now() + timeoutMs : 0
    waiting += 1
    try {
      for (let lookMs = firstLookMs; ; lookMs = Math.min(2 * lookMs, longestLookMs)) {
        const letter = await deadLetters.get(id)
        const leftMs = endMs - performance.now()
        if (letter?.status !== 'dead' || leftMs <= 0 || signal.aborted) return letter
        await sleep(Math.min(lookMs, leftMs))
      }
    } finally {
      waiting -= 1
    }
  }
}
