/** How Carillon is doing: statistics, topology, flow, outbox, metrics. */
import { z } from '@hono/zod-openapi'
import { tenant } from '../../schemas/tenant.js'
import { answer, type IngressApp, serveEndpoint } from '../endpoint.js'
import { pageOf, pageQuery } from '../paging.js'
import type { IngressPorts } from '../ports.js'
import { metricsRoute } from './health.js'

const channelStats = z
  .strictObject({
    sent: z.int(),
    failed: z.int(),
    simulated: z.int().openapi({ description: 'Taken where the channel has no provider: nothing was sent.' }),
    successRate: z.number().nullable().openapi({ description: '0 to 1; null before the first one ended.' }),
    latencyMs: z
      .strictObject({ mean: z.number(), p50: z.number(), p95: z.number(), p99: z.number() })
      .nullable()
      .openapi({ description: "From acceptance to the provider's answer." }),
  })
  .openapi('ChannelStats')
const stats = z.strictObject({ channels: z.record(z.string(), channelStats) }).openapi('Stats')

const overdue = {
  ageMs: z
    .number()
    .nullable()
    .openapi({ description: 'Age of the oldest record that waits; 0 where none does, null where it is not known.' }),
  retentionUsed: z
    .number()
    .nullable()
    .openapi({ description: 'That age as a part of how long the log keeps records. At 1 they are lost.' }),
  lost: z.number().openapi({ description: 'Records that the log has dropped by age before they were settled.' }),
}
const stageBehind = z
  .strictObject({
    ...overdue,
    drainMs: z
      .union([z.number(), z.literal('never')])
      .nullable()
      .openapi({ description: 'Until nothing waits, as the lag shrinks now; null where it is not known yet.' }),
    members: z.number().nullable().openapi({ description: 'Processes that share the stage.' }),
    lanes: z.record(z.string(), z.strictObject(overdue)),
  })
  .openapi('StageBehind', { description: 'How far a stage is behind, told by the log and not by the stage.' })
const stageFlow = z
  .strictObject({
    stage: z.string(),
    input: z.string(),
    outputs: z.array(z.string()),
    state: z.enum(['running', 'restarting', 'stopped']),
    processed: z.number(),
    perSecond: z.number(),
    lag: z.record(z.string(), z.number()).openapi({ description: 'Records waiting in the input, by lane.' }),
    parked: z.number().optional(),
    restarts: z.number(),
    behind: stageBehind.optional(),
  })
  .openapi('StageFlow')
const flowShape = z
  .strictObject({ stages: z.array(stageFlow), problems: z.array(z.string()) })
  .openapi('Flow', { description: 'The six stages as they run now; problems is empty when ready.' })

const outboxMessage = z
  .strictObject({
    id: z.string(),
    notificationId: z.string(),
    channel: z.string(),
    address: z.string(),
    message: z.strictObject({
      subject: z.string().optional(),
      text: z.string().optional(),
      html: z.string().optional(),
      data: z.unknown().optional(),
    }),
    at: z.string(),
  })
  .openapi('OutboxMessage')

export function operationRoutes(app: IngressApp, { records, flow, outbox }: IngressPorts): void {
  serveEndpoint(
    app,
    {
      method: 'get',
      path: '/v1/stats',
      tag: 'Operations',
      summary: 'What each channel has done',
      answers: { 200: { description: 'By channel.', schema: stats } },
      problems: [503],
    },
    async ({ c }) => answer(c, 200, { channels: await records.stats(tenant) }),
  )
  serveEndpoint(
    app,
    {
      method: 'get',
      path: '/v1/outbox',
      tag: 'Operations',
      summary: 'What would have been sent, had there been a provider',
      query: pageQuery,
      answers: { 200: { description: 'A page, newest first.', schema: pageOf(outboxMessage) } },
      problems: [503],
    },
    async ({ c, query: { limit, cursor } }) => answer(c, 200, await outbox.list(tenant, limit, cursor)),
  )
  flowRoutes(app, flow)
}

function flowRoutes(app: IngressApp, flow: IngressPorts['flow']): void {
  serveEndpoint(
    app,
    {
      method: 'get',
      path: '/v1/topology',
      tag: 'Operations',
      summary: 'Stages, topics and what connects them',
      answers: { 200: { description: 'The topology.', schema: z.record(z.string(), z.unknown()) } },
    },
    async ({ c }) => answer(c, 200, await flow.topology()),
  )
  serveEndpoint(
    app,
    {
      method: 'get',
      path: '/v1/flow',
      tag: 'Operations',
      summary: 'The stages as they run now',
      answers: { 200: { description: 'Rates and lag.', schema: flowShape } },
      problems: [503],
    },
    async ({ c }) => {
      const [stages, problems] = await Promise.all([flow.stages(), flow.problems()])
      return answer(c, 200, { stages, problems })
    },
  )
  metricsRoute(app, flow)
}
