/** GET /metrics. */
import { z } from '@hono/zod-openapi'
import { type IngressApp, serveEndpoint } from '../endpoint.js'
import type { Flow } from '../ports.js'

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
