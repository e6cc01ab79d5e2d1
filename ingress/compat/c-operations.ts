/** Contract C's batches in numbers, its metrics as JSON, and its health. */
import { z } from '@hono/zod-openapi'
import { tenant } from '../../schemas/tenant.js'
import { answer } from '../endpoint.js'
import { Problem } from '../problem.js'
import { identifier } from '../requests/identifier.js'
import { foundBatch } from '../routes/batches.js'
import { batchOfC, shownBatch } from './c-batch.js'
import { channelsOfC } from './c-notification.js'
import { type PartsOfC, tagOfC } from './c-parts.js'
import { errorField, serveContract } from './contract.js'

const figures = z.object({
  sent: z.int(),
  failed: z.int(),
  avg_latency_ms: z.number(),
  success_rate: z.number().openapi({ description: '0 to 1; 0 before the first one ended.' }),
})
const metrics = z.object({ channels: z.record(z.string(), figures) }).openapi('ServiceMetrics')

/** Where it tells a prober that it lives; needs no key. */
export const healthOfC = '/health'

export function operationsOfC({ app, ports, options }: PartsOfC): void {
  serveContract(
    app,
    errorField,
    {
      method: 'get',
      path: '/api/v1/batches/{id}',
      tag: tagOfC,
      summary: 'A batch in numbers',
      params: z.object({ id: identifier }),
      answers: { 200: { description: 'How many of its notifications have come to what.', schema: batchOfC } },
      problems: [404, 503],
    },
    async ({ c, params: { id } }) => {
      const batch = await foundBatch(ports, id, options.settleWaitMs)
      if (!batch) throw new Problem('not-found', 'There is no batch with this id.')
      return answer(c, 200, shownBatch(batch))
    },
  )
  serveContract(
    app,
    errorField,
    {
      method: 'get',
      path: '/api/v1/metrics',
      tag: tagOfC,
      summary: 'What each channel has done',
      answers: { 200: { description: 'By channel.', schema: metrics } },
      problems: [503],
    },
    async ({ c }) => {
      const stats = await ports.records.stats(tenant)
      const channels = channelsOfC.map((channel) => {
        const { sent = 0, failed = 0, simulated = 0, latencyMs } = stats[channel] ?? {}
        // What is simulated is delivered there.
        const delivered = sent + simulated
        const success_rate = delivered + failed === 0 ? 0 : delivered / (delivered + failed)
        return [channel, { sent: delivered, failed, avg_latency_ms: latencyMs?.mean ?? 0, success_rate }] as const
      })
      return answer(c, 200, { channels: Object.fromEntries(channels) })
    },
  )
  serveContract(
    app,
    errorField,
    {
      method: 'get',
      path: healthOfC,
      tag: tagOfC,
      summary: 'Whether the process answers',
      open: true,
      answers: { 200: { description: 'It does.', schema: z.object({ status: z.literal('ok') }) } },
    },
    ({ c }) => answer(c, 200, { status: 'ok' }),
  )
}
