/** /health: whether the process lives, and whether it can take work. */
import { z } from '@hono/zod-openapi'
import { answer, type IngressApp, type IngressContext, serveEndpoint } from '../endpoint.js'
import type { Flow } from '../ports.js'
import { Problem } from '../problem.js'

const health = (status: string) => z.strictObject({ status: z.literal(status) })

/** Paths that a prober asks without a key. */
export const healthPaths = ['/health/live', '/health/ready'] as const

export function healthRoutes(app: IngressApp, { flow }: { readonly flow: Pick<Flow, 'problems' | 'stalled'> }): void {
  const [live, ready] = healthPaths
  serveEndpoint(
    app,
    {
      method: 'get',
      path: live,
      tag: 'Health',
      summary: 'Whether the process answers and what it runs makes progress',
      open: true,
      answers: { 200: { description: 'It does.', schema: health('live') } },
      problems: [503],
    },
    async ({ c }) => answerUnless(c, 'live', await flow.stalled(), 'stalled'),
  )
  serveEndpoint(
    app,
    {
      method: 'get',
      path: ready,
      tag: 'Health',
      summary: 'Whether it can take work',
      open: true,
      answers: { 200: { description: 'It can.', schema: health('ready') } },
      problems: [503],
    },
    async ({ c }) => answerUnless(c, 'ready', await flow.problems(), 'not-ready'),
  )
}

function answerUnless(
  c: IngressContext,
  status: string,
  problems: readonly string[],
  kind: 'stalled' | 'not-ready',
): Response {
  if (problems.length === 0) return answer(c, 200, { status })
  const errors = problems.map((message) => ({ path: '', message }))
  throw new Problem(kind, problems.join(' '), errors)
}
