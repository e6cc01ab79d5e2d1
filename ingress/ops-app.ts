/** What a process without the HTTP API answers: how it does, and its metrics. It holds nobody's data and asks for no key. */
import { OpenAPIHono } from '@hono/zod-openapi'
import type { IngressApp, IngressEnvironment } from './endpoint.js'
import type { Flow } from './ports.js'
import { Problem, problemOf, problemResponse } from './problem.js'
import { correlationHeader, correlationIdOf } from './requests/identifier.js'
import { healthRoutes, metricsRoute } from './routes/health.js'

/** The app of a stage's process. */
export function createOpsApp(flow: Pick<Flow, 'metrics' | 'problems' | 'stalled'>): IngressApp {
  const app: IngressApp = new OpenAPIHono<IngressEnvironment>()
  app.use(async (c, next) => {
    c.set('correlationId', correlationIdOf(c.req.header(correlationHeader)))
    await next()
  })
  app.onError((error, c) => problemResponse(problemOf(error), c.get('correlationId')))
  app.notFound((c) => {
    const problem = new Problem('not-found', 'This process answers at /metrics, /health/live and /health/ready.')
    return problemResponse(problem, c.get('correlationId'))
  })
  healthRoutes(app, flow, {})
  metricsRoute(app, flow)
  return app
}
