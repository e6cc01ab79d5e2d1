/** The spans of HTTP requests, and where their notifications stand. */
import { describe, expect, test } from 'vitest'
import { createApp } from '../../../ingress/app.js'
import { Unavailable } from '../../../schemas/errors.js'
import { createFakePorts, fakeOptions } from '../../../testing/ingress/ports-fake.js'
import { keptTraces, type SeenSpan, traceparentOf } from '../../../testing/observe/tracing/spans-sample.js'

const notification = { to: 'user-42', content: { body: 'Hello' } }

async function api(sampleRatio = 1) {
  const kept = await keptTraces(sampleRatio)
  const ports = createFakePorts()
  const app = createApp(
    { ...ports, traces: kept.tracing.requests, acceptor: kept.tracing.acceptor(ports.acceptor) },
    fakeOptions,
  )
  const post = (body: unknown, headers: Record<string, string> = {}, path = '/v1/notifications') =>
    app.request(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
  return { kept, ports, app, post }
}

const contextOf = ({ traceId, spanId }: SeenSpan) => `00-${traceId}-${spanId}-01`

describe('a request', () => {
  test('has a span below its caller’s, by its route, which its notification comes from', async () => {
    const { kept, ports, post } = await api(0)
    await post(notification, { traceparent: traceparentOf(5, true) })
    const [request, sent, ...others] = await kept.spans()
    expect([request, sent, others]).toMatchObject([
      {
        name: 'POST /v1/notifications',
        kind: 'server',
        parentId: '00000000000000aa',
        failed: false,
        fields: {
          'http.request.method': 'POST',
          'http.route': '/v1/notifications',
          'http.response.status_code': 202,
        },
      },
      { name: 'send notifications.requested', kind: 'producer', parentId: request?.spanId },
      [],
    ])
    const traces = ports.accepted.map(({ traceparent }) => traceparent)
    expect(traces).toEqual([request && contextOf(request)])
  })

  test('that is not recorded leaves no span; the trace that its caller began goes on, and none is carried where there was none', async () => {
    const { kept, ports, post } = await api(0)
    await post(notification, { traceparent: traceparentOf(5, false) })
    await post(notification)
    const [given, made] = ports.accepted.map(({ traceparent }) => traceparent)
    expect(await kept.spans()).toEqual([])
    expect(given).toMatch(
      new RegExp(`^00-${traceparentOf(5, false).slice(3, 35)}-(?!00000000000000aa)[0-9a-f]{16}-00$`),
    )
    expect(made).toBe(null)
  })

  test('that fails is recorded whatever was decided, with the ids that it gave out, and logged with them', async () => {
    const { kept, ports, post } = await api(0)
    ports.failure = new Unavailable('The log is away')
    expect((await post(notification)).status).toBe(503)
    const [request, ...others] = await kept.spans()
    const { trace_id, span_id } = ports.logged[0] ?? {}
    expect([request, others]).toMatchObject([
      {
        ...{ name: 'POST /v1/notifications', traceId: trace_id, spanId: span_id, parentId: undefined, failed: true },
        fields: { 'error.type': '503', 'http.response.status_code': 503 },
      },
      [],
    ])
  })

  test('of a prober, a scraper or for nothing leaves no span', async () => {
    const { kept, app } = await api()
    for (const path of ['/health/live', '/health/ready', '/metrics', '/nowhere', '/console.css'])
      await app.request(path)
    expect((await kept.spans()).map(({ name }) => name)).toEqual([])
  })

  test('for many recipients keeps the first 16 in its trace; each of the others begins one that links to it', async () => {
    const { kept, ports, post } = await api()
    const to = Array.from({ length: 20 }, (_, index) => `user-${index}`)
    await post({ ...notification, to })
    const spans = await kept.spans()
    const request = spans.find(({ kind }) => kind === 'server')
    const created = spans.filter(({ name }) => name === 'create notifications.requested')
    const traces = ports.accepted.map(({ traceparent }) => traceparent)
    const own = request && contextOf(request)
    expect(traces).toEqual([...Array.from({ length: 16 }, () => own), ...created.map(contextOf)])
    expect(created.map(({ links, parentId }) => [links, parentId])).toEqual(
      Array.from({ length: 4 }, () => [[request?.spanId], undefined]),
    )
    expect(JSON.stringify(spans)).not.toContain('user-')
  })
})

test('without tracing the caller’s trace context goes on as it came', async () => {
  const ports = createFakePorts()
  const app = createApp(ports, fakeOptions)
  const headers = { 'content-type': 'application/json', traceparent: traceparentOf(5, true) }
  await app.request('/v1/notifications', { method: 'POST', headers, body: JSON.stringify(notification) })
  expect(ports.accepted.map(({ traceparent }) => traceparent)).toEqual([traceparentOf(5, true)])
  expect(ports.logged).toMatchObject([{ trace_id: traceparentOf(5, true).slice(3, 35) }])
})
