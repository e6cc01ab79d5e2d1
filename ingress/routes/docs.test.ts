import { describe, expect, it } from 'vitest'
import { testClient } from '../../testing/ingress/test-client.js'

interface Operation {
  readonly summary?: string
  readonly tags: readonly string[]
  readonly responses: Record<string, { content?: Record<string, unknown> }>
  readonly requestBody?: { content: Record<string, { schema: unknown }> }
}
interface Document {
  readonly openapi: string
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: { schemas: Record<string, { additionalProperties?: boolean; properties?: object }> }
}

const native = { a: false, b: null, c: false }

async function document(compat = native): Promise<Document> {
  return (await testClient({ compat }).get('/openapi.json')).body as Document
}

describe('/openapi.json', () => {
  it('describes every route of the API', async () => {
    const { openapi, paths } = await document()
    const routes = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect(openapi).toBe('3.1.0')
    expect(routes.sort()).toEqual([
      'DELETE /v1/recipients/{id}',
      'DELETE /v1/templates/{id}',
      'GET /health/live',
      'GET /health/ready',
      'GET /metrics',
      'GET /v1/batches/{id}',
      'GET /v1/dead-letters',
      'GET /v1/dead-letters/{id}',
      'GET /v1/events',
      'GET /v1/flow',
      'GET /v1/notifications',
      'GET /v1/notifications/{id}',
      'GET /v1/outbox',
      'GET /v1/recipients/{id}',
      'GET /v1/recipients/{id}/inbox',
      'GET /v1/recipients/{id}/inbox/stream',
      'GET /v1/stats',
      'GET /v1/templates',
      'GET /v1/templates/{id}',
      'GET /v1/topology',
      'GET /v1/ws',
      'POST /v1/dead-letters/replay',
      'POST /v1/dead-letters/{id}/replay',
      'POST /v1/notifications',
      'POST /v1/notifications/batch',
      'POST /v1/notifications/{id}/cancel',
      'POST /v1/recipients/{id}/inbox/{messageId}/read',
      'POST /v1/templates',
      'POST /v1/templates/{id}/preview',
      'PUT /v1/recipients/{id}',
      'PUT /v1/templates/{id}',
    ])
  })

  it('has every error as problem+json, and a summary for every route', async () => {
    const { paths } = await document()
    for (const operation of Object.values(paths).flatMap((operations) => Object.values(operations))) {
      expect(operation.summary).toBeTruthy()
      for (const [status, { content }] of Object.entries(operation.responses)) {
        if (Number(status) >= 400) expect(Object.keys(content ?? {})).toEqual(['application/problem+json'])
      }
    }
  })

  it('describes the contracts that are answered under their own headings', async () => {
    const { paths } = await document({ ...native, a: true, c: true })
    const headings = Object.values(paths).flatMap((operations) => Object.values(operations).map(({ tags }) => tags[0]))
    const contracts = headings.filter((tag) => tag?.startsWith('Contract '))
    expect(new Set(contracts)).toEqual(new Set(['Contract A: user messages', 'Contract C: notification service']))
    expect(Object.keys(paths)).toContain('/send')
    expect(Object.keys(paths)).not.toContain('/user/notification')
  })

  it('says that requests are strict', async () => {
    const { paths, components } = await document()
    const body = paths['/v1/notifications']?.post?.requestBody?.content['application/json']?.schema
    expect(body).toEqual({ $ref: '#/components/schemas/NotificationRequest' })
    expect(components.schemas.NotificationRequest?.additionalProperties).toBe(false)
  })
})

describe('/docs', () => {
  it('is a page that needs nothing from elsewhere and holds no script of its own', async () => {
    const { get } = testClient()
    const { headers, body } = await get('/docs')
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(headers.get('content-security-policy')).toContain("script-src 'self';")
    const page = String(body)
    expect(page).not.toMatch(/https?:|<script>|\son\w+=/)
    const parts = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => String(path))
    expect(parts.length).toBe(4)
    for (const path of parts) expect([path, (await get(path)).status]).toEqual([path, 200])
  })
})

describe('the console', () => {
  it('is served from a closed list', async () => {
    const { get } = testClient()
    const { status, headers, body } = await get('/')
    expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    const parts = [...String(body).matchAll(/(?:src|href)="(console\/[^"]+)"/g)].map(([, path]) => `/${path}`)
    for (const path of parts) expect([path, (await get(path)).status]).toEqual([path, 200])
    for (const path of ['/console/', '/console/../app.js', '/console/%2e%2e/app.js', '/console/none.js']) {
      expect([path, (await get(path)).status]).toEqual([path, 404])
    }
  })
})
