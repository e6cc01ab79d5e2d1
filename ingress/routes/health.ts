/** /health: whether the process lives, and whether it can take work. */
import { z } from '@hono/zod-openapi'
import { answer, type IngressApp, serveEndpoint } from '../endpoint.js'
import type { IngressPorts } from '../ports.js'
import { Problem } from '../problem.js'

const health = (status: string) => z.strictObject({ status: z.literal(status) })

/** Paths that a prober asks without a key. */
export const healthPaths = ['/health/live', '/health/ready'] as const

export function healthRoutes(app: IngressApp, { flow }: IngressPorts): void {
  const [live, ready] = healthPaths
  serveEndpoint(
    app,
    {
      method: 'get',
      path: live,
      tag: 'Health',
      summary: 'Whether the process answers',
      open: true,
      answers: { 200: { description: 'It does.', schema: health('live') } },
    },
    ({ c }) => answer(c, 200, { status: 'live' }),
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
    async ({ c }) => {
      const problems = await flow.problems()
      if (problems.length === 0) return answer(c, 200, { status: 'ready' })
      const errors = problems.map((message) => ({ path: '', message }))
      throw new Problem('not-ready', problems.join(' '), errors)
    },
  )
}
