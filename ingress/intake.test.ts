import { describe, expect, it } from 'vitest'
import { encodeAvro } from '../schemas/avro.js'
import type { NotificationInbound } from '../schemas/events.js'
import { notificationIdOf } from '../schemas/ids.js'
import { inboundEvent, inboundRecord, nowMs, taken } from '../testing/ingress/intake-sample.js'
import { type InboundRecord, listed } from './intake.js'
import { check } from './requests/field-errors.js'
import { normalize } from './requests/normalize.js'
import { batchItem } from './requests/notification-request.js'

type Change = Parameters<typeof inboundEvent>[0]

function accepted(change: Change, place: Partial<InboundRecord> = {}) {
  const intake = taken(inboundRecord(inboundEvent(change), place))
  if (intake.kind !== 'accepted') throw new Error(listed(intake.rejection.errors))
  return intake.notification
}

function rejection(change: Change) {
  const intake = taken(inboundRecord(inboundEvent(change)))
  if (intake.kind !== 'rejected') throw new Error('It was accepted')
  return intake.rejection
}

const errorsOf = (change: Change) => rejection(change).errors
const uuid5 = /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

describe('an event that HTTP would take', () => {
  it('becomes the notification that HTTP would make, but for where it comes from', () => {
    const request = {
      to: { id: 'u', email: 'ada@example.com', phone: '+491511234567' },
      channels: ['sms', 'email', 'sms'],
      template: 'welcome',
      content: { subject: 'S', body: 'B' },
      data: { name: 'Ada', nested: { list: [1, null] } },
      priority: 'high',
      sendAt: '2030-01-02T01:00:00+01:00',
      expiresAt: '2030-01-03T00:00:00Z',
      dedupe: { by: 'content', windowMs: 5000 },
      metadata: { order: 1 },
    }
    const notification = accepted({
      ...{ id: 'order-1-shipped', to: request.to, channels: request.channels, template: 'welcome', priority: 'high' },
      ...{ sendAt: request.sendAt, expiresAt: request.expiresAt, correlationId: 'c-1' },
      dedupe: { key: null, by: 'content', windowMs: 5000 },
      content: JSON.stringify(request.content, null, 2),
      data: JSON.stringify(request.data, null, 2),
      metadata: JSON.stringify(request.metadata),
    })
    const parsed = check(batchItem, request)
    if (!parsed.ok) throw new Error(listed(parsed.errors))
    const welcome = { id: 'welcome', version: 3, locale: 'en', locales: {}, defaults: {}, createdAt: '', updatedAt: '' }
    const overHttp = normalize(parsed.value, {
      ...{ tenant: 'default', nowMs, newId: () => 'order-1-shipped', correlationId: 'c-1', traceparent: null },
      ...{
        batchId: null,
        dedupeWindowMs: 10_800_000,
        retryBounds: { minWaitMs: 1000, maxGiveUpAfterMs: 604_800_000 },
        templates: new Map([['welcome', welcome]]),
      },
    })
    expect(overHttp).toEqual({
      ok: true,
      notifications: [{ ...notification, origin: 'native' }],
      named: [{ id: 'order-1-shipped' }],
    })
    expect(notification.origin).toBe('kafka')
    expect(() => encodeAvro('notification-requested', notification)).not.toThrow()
  })

  it('needs nothing but a recipient and something to say', () => {
    const { correlationId, ...notification } = accepted({})
    expect(notification).toEqual({
      id: notificationIdOf(inboundRecord(inboundEvent())),
      tenant: 'default',
      nonce: '',
      recipient: 'user-42',
      to: { id: 'user-42', email: null, phone: null, device: null, webhook: null, slack: null },
      channels: null,
      template: null,
      content: { '*': { subject: null, text: 'Hello', html: null, data: null } },
      data: '{}',
      priority: 'normal',
      sendAtMs: null,
      expiresAtMs: null,
      retry: null,
      dedupe: null,
      metadata: '{}',
      batchId: null,
      traceparent: null,
      origin: 'kafka',
      acceptedAtMs: nowMs,
      replays: 0,
    })
    expect(correlationId).toMatch(uuid5)
  })

  it('keeps its correlation id, else the header’s, else gets the same at each reading', () => {
    const ofHeader = { headers: { 'X-Correlation-Id': 'of the header', other: 'x' } }
    expect(accepted({ correlationId: 'its own' }, ofHeader).correlationId).toBe('its own')
    expect(accepted({}, ofHeader).correlationId).toBe('of the header')
    const made = [accepted({}), accepted({}), accepted({ correlationId: 'line\nfeed' })]
    expect(new Set(made.map(({ correlationId }) => correlationId)).size).toBe(1)
    expect(accepted({}, { recordId: 'notifications.inbound-0-8' }).correlationId).not.toBe(made[0]?.correlationId)
  })

  it('carries a valid trace context on', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    expect(accepted({}, { headers: { traceparent } }).traceparent).toBe(traceparent)
    expect(accepted({}, { headers: { traceparent: 'nonsense' } }).traceparent).toBeNull()
  })

  it('counts on from its replays', () => {
    expect(accepted({ replays: 2 }).replays).toBe(2)
  })
})

describe('the notification’s id', () => {
  const idOf = (change: Change, place: Partial<InboundRecord> = {}) =>
    notificationIdOf(inboundRecord(inboundEvent(change), place))
  const elsewhere = { recordId: 'notifications.inbound-1-7' }

  it('is the event’s own, whatever else it says', () => {
    expect(idOf({ id: 'order-1', eventId: 'e-1' }, elsewhere)).toBe('order-1')
  })

  it('is made of the upstream’s event id, wherever the record stands', () => {
    const made = [idOf({ eventId: 'e-1' }), idOf({ eventId: 'e-1' }, elsewhere), idOf({ eventId: 'e-2' })]
    expect(made[0]).toMatch(uuid5)
    expect(made.map((id) => id === made[0])).toEqual([true, true, false])
  })

  it('is made of the record’s place and time where there is neither', () => {
    const later = { timestampMs: 1_900_000_000_001 }
    const made = [idOf({}), idOf({ content: '{}' }), idOf({}, elsewhere), idOf({}, later)]
    expect(made[0]).toMatch(uuid5)
    expect(made.map((id) => id === made[0])).toEqual([true, true, false, false])
  })

  it('never changes its form: who asked for one yesterday finds it today', () => {
    expect([idOf({ eventId: 'order-4711-shipped' }), idOf({})]).toEqual([
      '4dd0acb7-a978-5e3d-b502-84dcd6509834',
      'a51d850c-f29b-5fe2-8273-38af2fa45290',
    ])
  })

  it('is not taken from what is no identifier', () => {
    const bad = ['', 'x'.repeat(257), 'ü'.repeat(129), 'line\nfeed']
    expect(bad.map((id) => idOf({ id }))).toEqual(bad.map(() => idOf({})))
    expect(bad.map((eventId) => idOf({ eventId }))).toEqual(bad.map(() => idOf({})))
    expect(idOf({ id: 'x'.repeat(256) })).toBe('x'.repeat(256))
  })
})

describe('an event that HTTP would refuse', () => {
  const cases: readonly (readonly [what: string, change: Change, errors: readonly (readonly [string, unknown])[]])[] = [
    ['no recipient', { to: { id: null } }, [['to', 'Needs one of id, email, phone, device, webhook, slack.']]],
    ['a phone number with a control character', { to: { phone: '+49\n1' } }, [['to.phone', expect.any(String)]]],
    [
      'an address with characters that nobody sees',
      { to: { email: 'an\u00adna@b.c' } },
      [['to.email', expect.stringContaining('nobody sees')]],
    ],
    ['an address that is too long', { to: { email: 'a'.repeat(300) } }, [['to.email', 'Must be at most 256 bytes.']]],
    ['nothing to say', { content: null }, [['content', 'Needs a template or content.']]],
    ['an unknown template', { template: 'nope' }, [['template', 'There is no template with this id.']]],
    ['an unknown channel', { channels: ['fax'] }, [['channels.0', expect.stringMatching(/^Must be one of email, /)]]],
    ['no channels', { channels: [] }, [['channels', 'Must be at least 1 long.']]],
    ['another priority', { priority: 'HIGH' }, [['priority', 'Must be one of high, normal, low.']]],
    ['data that is cut off', { data: '{"name":' }, [['data', 'Not JSON, or cut off.']]],
    ['data that is a list', { data: '[1]' }, [['data', 'Must be an object.']]],
    ['data that is null', { data: 'null' }, [['data', 'Must be an object.']]],
    ['an empty text as content', { content: '' }, [['content', 'Must not be empty.']]],
    ['too much data', { data: `{"a":"${'x'.repeat(65_536)}"}` }, [['data', 'Must be at most 65536 bytes as JSON.']]],
    ['too much metadata', { metadata: `{"a":"${'x'.repeat(4096)}"}` }, [['metadata', expect.stringMatching(/4096/)]]],
    ['more than a body holds', { content: `{"body":"${'x'.repeat(1_048_576)}"}` }, [['', expect.any(String)]]],
    ['a field of content that is not known', { content: '{"body":"x","to":"y"}' }, [['content.to', 'Unknown field.']]],
    ['a prototype', { data: '{"a":[{"__proto__":{}}]}' }, [['data.a.0.__proto__', 'Unknown field.']]],
    ['a depth', { data: `${'{"a":'.repeat(70)}1${'}'.repeat(70)}` }, [[expect.any(String), expect.any(String)]]],
    ['an end in the past', { expiresAt: '2029-12-31T00:00:00Z' }, [['expiresAt', 'Must be in the future.']]],
    ['a time without an offset', { sendAt: '2030-02-01T00:00:00' }, [['sendAt', expect.stringMatching(/offset/)]]],
    [
      'a twin key and content',
      { dedupe: { key: 'k', by: 'content', windowMs: null } },
      [['dedupe', expect.any(String)]],
    ],
    [
      'a window that is too short',
      { dedupe: { key: 'k', by: null, windowMs: 1 } },
      [['dedupe.windowMs', expect.any(String)]],
    ],
    ['an id that is too long', { id: 'x'.repeat(257) }, [['id', 'Must be at most 256 bytes.']]],
    ['an empty event id', { eventId: '' }, [['eventId', 'Must not be empty.']]],
    ['another tenant', { tenant: 'acme' }, [['tenant', 'Must be default.']]],
  ]

  it.each(cases)('is rejected by the field’s path: %s', (_, change, errors) => {
    expect(errorsOf(change)).toEqual(errors.map(([path, message]) => ({ path, message })))
  })

  it('is told all that is wrong with it at once', () => {
    const wrong: Change = {
      ...{ id: '', eventId: '\n', tenant: 'acme', to: { id: '', phone: '' }, channels: ['fax'], template: '' },
      ...{ content: '{', data: '[]', metadata: 'x', priority: 'urgent', sendAt: 'soon', expiresAt: '1999' },
      dedupe: { key: null, by: 'chance', windowMs: 0 },
    }
    expect(errorsOf(wrong).map(({ path }) => path)).toEqual([
      ...['id', 'eventId', 'tenant', 'content', 'metadata'],
      ...['to.id', 'to.phone', 'channels.0', 'template', 'data', 'priority', 'sendAt', 'expiresAt'],
      ...['dedupe.by', 'dedupe.windowMs'],
    ])
  })

  it('shows as much of itself as can be shown', () => {
    const change: Change = { channels: ['fax', 'sms'], priority: 'low', correlationId: 'c-1', metadata: '{' }
    expect(rejection({ ...change, id: 'order-1', to: { phone: '+491' } })).toEqual({
      id: 'order-1',
      summary: {
        ...{ recipient: '+491', channels: ['sms'], template: null, priority: 'low', sendAtMs: null },
        ...{ acceptedAtMs: nowMs, metadata: '{}', batchId: null, correlationId: 'c-1', origin: 'kafka' },
      },
      errors: expect.any(Array),
    })
    const { id, summary } = rejection({ id: '', to: { id: 'x'.repeat(300) }, priority: '?', correlationId: 'c' })
    expect([id, summary.recipient, summary.priority]).toEqual([expect.stringMatching(uuid5), '', 'normal'])
  })

  it('is told nothing of what it says', () => {
    const secret: Partial<NotificationInbound> = { content: 'swordfish', data: '{swordfish', sendAt: 'swordfish' }
    expect(listed(errorsOf({ ...secret, priority: 'swordfish' }))).not.toContain('swordfish')
  })
})

describe('a list of what is wrong', () => {
  it('names each path, and counts what does not fit', () => {
    const errors = Array.from({ length: 25 }, (_, index) => ({ path: `data.${index}`, message: 'No.' }))
    expect(listed(errors)).toMatch(/^data\.0: No\. .* data\.19: No\. And 5 more\.$/)
    expect(listed([{ path: '', message: 'No.' }])).toBe('No.')
  })

  it('stays short', () => {
    expect(listed([{ path: 'x'.repeat(5000), message: 'No.' }]).length).toBe(1000)
  })
})
