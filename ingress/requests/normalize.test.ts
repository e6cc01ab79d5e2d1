import { describe, expect, it } from 'vitest'
import { encodeAvro } from '../../schemas/avro.js'
import type { TemplateVersion } from '../../schemas/template.js'
import { check } from './field-errors.js'
import { normalize, type RequestContext } from './normalize.js'
import { notificationRequest } from './notification-request.js'

const nowMs = Date.UTC(2030, 0, 1)
const template: TemplateVersion = {
  id: 'welcome',
  version: 3,
  locale: 'en',
  locales: {},
  defaults: {},
  createdAt: '',
  updatedAt: '',
}
const context: RequestContext = {
  tenant: 'default',
  nowMs,
  newId: () => 'id-1',
  correlationId: 'c-1',
  traceparent: null,
  batchId: null,
  dedupeWindowMs: 10_800_000,
  retryBounds: { minWaitMs: 1000, maxGiveUpAfterMs: 604_800_000 },
  templates: new Map([['welcome', template]]),
}

function eventsOf(request: unknown) {
  const parsed = check(notificationRequest, request)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
  const normalized = normalize(parsed.value, context)
  if (!normalized.ok) throw new Error(JSON.stringify(normalized.errors))
  return normalized.notifications
}

function eventOf(request: unknown) {
  const [event] = eventsOf(request)
  if (!event) throw new Error('No event')
  return event
}

const text = (message: object) => ({ subject: null, text: null, html: null, data: null, ...message })

describe('retries', () => {
  const said = { to: 'user-42', content: { body: 'Hello' } }
  const retryOf = (retry: unknown) => eventOf({ ...said, retry }).retry
  const faultsOf = (retry: unknown) => {
    const parsed = check(notificationRequest, { ...said, retry })
    const found = parsed.ok ? normalize(parsed.value, context) : parsed
    return found.ok ? [] : found.errors.map(({ path, message }) => `${path}: ${message}`)
  }

  it.each([
    [
      { schedule: ['5s', '1m', 600_000], giveUpAfter: '2h' },
      { scheduleMs: [5000, 60_000, 600_000], giveUpAfterMs: 7_200_000 },
    ],
    [{ schedule: [1000, 1000] }, { scheduleMs: [1000, 1000], giveUpAfterMs: null }],
    [{ giveUpAfter: '7d' }, { scheduleMs: null, giveUpAfterMs: 604_800_000 }],
  ])('%o', (retry, event) => {
    expect(retryOf(retry)).toEqual(event)
  })

  it.each([
    [{}, ['retry: Needs schedule or giveUpAfter.']],
    [{ schedule: [] }, ['retry.schedule: Must be at least 1 long.']],
    [{ schedule: ['1m', '30s'] }, ['retry.schedule: Must hold no wait that is shorter than the one before.']],
    [{ schedule: ['10ms'] }, ['retry.schedule: Must hold no wait shorter than 1s.']],
    [
      { schedule: ['8d'], giveUpAfter: '8d' },
      ['retry.schedule: Must hold no wait longer than 7d.', 'retry.giveUpAfter: Must be from 1s to 7d.'],
    ],
    [{ schedule: [-5] }, ['retry.schedule.0: Must be a duration like 30s, 5m or 2d, or whole milliseconds.']],
    [{ schedule: ['soon'] }, ['retry.schedule.0: Must be a duration like 30s, 5m or 2d, or whole milliseconds.']],
    [{ giveUpAfter: 0 }, ['retry.giveUpAfter: Must be from 1s to 7d.']],
  ])('%o is refused', (retry, faults) => {
    expect(faultsOf(retry)).toEqual(faults)
  })
})

describe('normalize', () => {
  it('fills in what a request leaves out', () => {
    const event = eventOf({ to: 'user-42', content: { body: 'Hello' } })
    expect(event).toEqual({
      id: 'id-1',
      tenant: 'default',
      nonce: '',
      recipient: 'user-42',
      to: { id: 'user-42', email: null, phone: null, device: null, webhook: null, slack: null },
      channels: null,
      template: null,
      content: { '*': text({ text: 'Hello' }) },
      data: '{}',
      priority: 'normal',
      sendAtMs: null,
      expiresAtMs: null,
      retry: null,
      dedupe: null,
      metadata: '{}',
      batchId: null,
      correlationId: 'c-1',
      traceparent: null,
      origin: 'native',
      acceptedAtMs: nowMs,
      replays: 0,
    })
    expect(() => encodeAvro('notification-requested', event)).not.toThrow()
  })

  it('takes everything a request says', () => {
    const event = eventOf({
      to: { id: 'u', email: 'a@b.c', phone: '1', device: 'd', webhook: 'w', slack: 's' },
      channels: ['sms', 'email', 'sms'],
      template: { id: 'welcome' },
      content: { subject: 'S', body: 'B' },
      data: { name: 'Ada' },
      priority: 'high',
      sendAt: '2030-01-02T01:00:00+01:00',
      expiresAt: '2030-01-03T00:00:00Z',
      dedupe: { key: 'k' },
      metadata: { order: 1 },
    })
    expect(event).toMatchObject({
      recipient: 'u',
      to: { id: 'u', email: 'a@b.c', phone: '1', device: 'd', webhook: 'w', slack: 's' },
      channels: ['sms', 'email'],
      template: { id: 'welcome', version: 3 },
      content: { '*': text({ subject: 'S', text: 'B' }) },
      data: '{"name":"Ada"}',
      priority: 'high',
      sendAtMs: nowMs + 86_400_000,
      expiresAtMs: nowMs + 2 * 86_400_000,
      dedupe: { key: 'k', windowMs: 10_800_000 },
      metadata: '{"order":1}',
    })
    expect(() => encodeAvro('notification-requested', event)).not.toThrow()
  })

  it('makes one message for each channel', () => {
    const { content } = eventOf({
      to: 'u',
      content: {
        email: { subject: 'S', html: '<p>H</p>' },
        sms: { text: 'T' },
        push: { title: 'P', body: 'B', data: { deep: { link: 1 } } },
        inapp: { body: 'I' },
        webhook: { subject: 'S', body: 'B' },
        slack: { text: 'C' },
      },
    })
    expect(content).toEqual({
      email: text({ subject: 'S', html: '<p>H</p>' }),
      sms: text({ text: 'T' }),
      push: text({ subject: 'P', text: 'B', data: '{"deep":{"link":1}}' }),
      inapp: text({ text: 'I' }),
      webhook: text({ subject: 'S', text: 'B' }),
      slack: text({ text: 'C' }),
    })
  })

  it('takes a webhook of any other shape for its own payload', () => {
    for (const webhook of [{ order: 1 }, { body: 'B', order: 1 }, { body: { nested: true } }, { subject: 'S' }, {}]) {
      expect(eventOf({ to: 'u', content: { webhook } }).content).toEqual({
        webhook: text({ data: JSON.stringify(webhook) }),
      })
    }
  })

  it('knows a recipient by the first address where there is no id', () => {
    const keyOf = (to: object) => eventOf({ to, content: { body: 'x' } }).recipient
    expect(keyOf({ slack: 's', webhook: 'w', device: 'd', phone: 'p', email: 'e' })).toBe('e')
    expect(keyOf({ slack: 's', webhook: 'w', device: 'd', phone: 'p' })).toBe('p')
    expect(keyOf({ slack: 's', webhook: 'w', device: 'd' })).toBe('d')
    expect(keyOf({ slack: 's', webhook: 'w' })).toBe('w')
    expect(keyOf({ slack: 's' })).toBe('s')
  })

  it('sends at once what should have gone before now', () => {
    expect(eventOf({ to: 'u', content: { body: 'x' }, sendAt: '2029-12-31T23:59:59Z' }).sendAtMs).toBeNull()
  })

  it('gives equal content one twin key, and other content another', () => {
    const keyOf = (change: object) =>
      eventOf({ to: 'u', content: { body: 'x', subject: 'y' }, dedupe: { by: 'content', windowMs: 5000 }, ...change })
        .dedupe
    const key = keyOf({})
    expect(key).toEqual({ key: expect.stringMatching(/^[0-9a-f]{64}$/), windowMs: 5000 })
    expect(keyOf({ content: { subject: 'y', body: 'x' }, priority: 'low', metadata: { a: 1 } })).toEqual(key)
    const others = [{ content: { body: 'z' } }, { channels: ['sms'] }, { data: { a: 1 } }, { template: 'welcome' }].map(
      keyOf,
    )
    expect(new Set([key, ...others].map((dedupe) => dedupe?.key)).size).toBe(5)
  })
})
