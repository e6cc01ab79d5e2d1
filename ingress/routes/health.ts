/** /health: whether the process lives, and whether it can take work. */

import { z } from '@hono/zod-openapi'
import { tenant } from '../../schemas/tenant.js'
import { answer, type IngressApp, type IngressContext, serveEndpoint } from '../endpoint.js'
import { inTime } from '../in-time.js'
import type { Flow, Records } from '../ports.js'
import { Problem, problemBody, problemHeaders } from '../problem.js'

/** Paths that a prober asks without a key. */
export const healthPaths = ['/health/live', '/health/ready'] as const

/** What may be asked whether it answers, by name. */
export type Asked = Readonly<Record<string, () => Promise<unknown>>>

/** A part that has not answered by then does not answer. */
const patienceMs = 2000
const well = 'ok'
const stages = 'stages'

const readyQuery = z.object({
  without: z.enum(['store']).optional().openapi({
    description: 'Leaves the store out: for a load balancer that goes on sending what needs none.',
  }),
})
const checks = z.record(z.string(), z.string()).openapi({ description: `Each part: ${well}, or why not.` })

export function healthRoutes(app: IngressApp, flow: Pick<Flow, 'problems' | 'stalled'>, asked: Asked): void {
  const [live, ready] = healthPaths
  serveEndpoint(
    app,
    {
      method: 'get',
      path: live,
      tag: 'Health',
      summary: 'Whether the process answers and what it runs makes progress',
      open: true,
      answers: { 200: { description: 'It does.', schema: z.strictObject({ status: z.literal('live') }) } },
      problems: [503],
    },
    async ({ c }) => {
      const stalled = await flow.stalled()
      if (stalled.length === 0) return answer(c, 200, { status: 'live' })
      const errors = stalled.map((message) => ({ path: '', message }))
      throw new Problem('stalled', stalled.join(' '), errors)
    },
  )
  serveEndpoint(
    app,
    {
      method: 'get',
      path: ready,
      tag: 'Health',
      summary: 'Whether it can take work',
      description: 'What it needs is asked, and not only looked up.',
      open: true,
      query: readyQuery,
      answers: { 200: { description: 'It can.', schema: z.strictObject({ status: z.literal('ready'), checks }) } },
      problems: [503],
    },
    async ({ c, query: { without } }) => {
      const parts = Object.entries(asked).filter(([name]) => name !== without)
      const restarting = inTime(flow.problems(), patienceMs, ['The stages do not answer.'])
      const [problems, ...answers] = await Promise.all([restarting, ...parts.map(([, ask]) => askedInTime(ask))])
      const told = parts.map(([name], at) => [name, answers[at] ?? well] as const)
      const all = [...told, [stages, problems.join(' ') || well] as const]
      if (all.every(([, state]) => state === well)) {
        return answer(c, 200, { status: 'ready', checks: Object.fromEntries(all) })
      }
      return notReady(c, all)
    },
  )
}

/** The sources of `/health/ready` in the ingress. */
export function askedBy(flow: Pick<Flow, 'askLog'>, records: Pick<Records, 'get'>): Asked {
  return { log: () => flow.askLog(), store: () => records.get(tenant, well) }
}

/** Null when it answered; else why not, in words that tell nothing of the inside. */
function askedInTime(ask: () => Promise<unknown>): Promise<string | null> {
  const answered = ask().then(
    () => null,
    () => 'It cannot be reached.',
  )
  return inTime(answered, patienceMs, 'It does not answer.')
}

/** A problem that tells of each part. */
function notReady(c: IngressContext, all: readonly (readonly [name: string, state: string])[]): Response {
  const failing = all.filter(([, state]) => state !== well)
  const errors = failing.map(([path, message]) => ({ path: path === stages ? '' : path, message }))
  const detail = errors.map(({ path, message }) => (path === '' ? message : `The ${path}: ${message}`)).join(' ')
  const problem = new Problem('not-ready', detail, errors)
  const body = { ...problemBody(problem, c.get('correlationId')), checks: Object.fromEntries(all) }
  const headers = { 'content-type': 'application/problem+json', ...problemHeaders(problem) }
  return c.body(JSON.stringify(body), 503, headers)
}

/** Where Prometheus looks. */
export const metricsPath = '/metrics'

export function metricsRoute(app: IngressApp, flow: Pick<Flow, 'metrics'>): void {
  serveEndpoint(
    app,
    {
      method: 'get',
      path: metricsPath,
      tag: 'Operations',
      summary: 'Metrics for Prometheus',
      answers: { 200: { description: 'The text format.', schema: z.string(), mediaType: 'text/plain' } },
    },
    async ({ c }) => c.body(await flow.metrics(), 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }),
  )
}
