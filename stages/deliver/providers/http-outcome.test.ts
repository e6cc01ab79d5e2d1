import { expect, test } from 'vitest'
import { never } from '../../../testing/stages/deliver/delivery-sample.js'
import { BlockedAddress } from './address-guard.js'
import { httpFailure, httpOutcome } from './http-outcome.js'

const nowMs = Date.parse('2026-03-01T12:00:00Z')
const outcome = (status: number, retryAfter: string | null = null, body: string | null = null) =>
  httpOutcome(
    { status, headers: retryAfter === null ? {} : { 'retry-after': retryAfter }, body },
    { accepted: 'delivered', who: 'The webhook', nowMs },
  )

test('every status has its outcome', () => {
  const statuses = [200, 204, 299, 301, 308, 400, 401, 404, 408, 410, 413, 422, 425, 429, 500, 502, 503, 599]
  expect(statuses.map((status) => `${status} ${outcome(status).outcome}`)).toEqual([
    '200 delivered',
    '204 delivered',
    '299 delivered',
    '301 permanent',
    '308 permanent',
    '400 permanent',
    '401 permanent',
    '404 permanent',
    '408 transient',
    '410 recipient',
    '413 permanent',
    '422 permanent',
    '425 transient',
    '429 rate-limited',
    '500 transient',
    '502 transient',
    '503 transient',
    '599 transient',
  ])
})

test('Retry-After is read as seconds or as an HTTP date, and never as less than nothing', () => {
  const headers = [
    '120',
    '0',
    'Sun, 01 Mar 2026 12:00:30 GMT',
    'Sun, 01 Mar 2026 11:00:00 GMT',
    '-5',
    '1.5',
    'soon',
    '',
  ]
  const waits = headers.map((header) => {
    const result = outcome(429, header)
    return result.outcome === 'rate-limited' ? result.retryAfterMs : result.outcome
  })
  expect(waits).toEqual([120_000, 0, 30_000, 0, null, null, null, null])
})

test('a 503 that says when to come again is a limit', () => {
  const error = 'The webhook answered with status 503.'
  expect(outcome(503, '7')).toEqual({ outcome: 'rate-limited', error, retryAfterMs: 7_000 })
})

test('of an error only its code is told', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED 10.1.2.3:80'), { code: 'ECONNREFUSED' })
  const strange = Object.assign(new Error('secret'), { code: 'secret: 10.1.2.3' })
  expect([refused, strange, 'secret'].map((error) => httpFailure(error, 'The webhook', never))).toEqual([
    {
      outcome: 'transient',
      error: 'The webhook could not be reached, or did not answer (ECONNREFUSED).',
      chargedTo: 'connection',
    },
    { outcome: 'transient', error: 'The webhook could not be reached, or did not answer (no code).' },
    { outcome: 'transient', error: 'The webhook could not be reached, or did not answer (no code).' },
  ])
})

test('a blocked address will never work, and a call that was aborted may', () => {
  const late = httpFailure(new Error('aborted'), 'The webhook', AbortSignal.abort())
  const blocked = httpFailure(new BlockedAddress(), 'The webhook', never)
  expect([late, blocked]).toEqual([
    { outcome: 'transient', error: 'The webhook did not answer in time.' },
    {
      outcome: 'permanent',
      error:
        'The host has no public address. To let it through, name the host or its network in CARILLON_WEBHOOK_ALLOW.',
    },
  ])
})

test('the id that a service gives to the message is told, whichever of the usual names it has', () => {
  const long = 'x'.repeat(300)
  const bodies: readonly (readonly [unknown, string | undefined])[] = [
    [{ id: 'c', message_id: 'b', messageId: 'a' }, 'a'],
    [{ id: 'c', message_id: 'b', messageId: null }, 'b'],
    [{ id: 4711, message_id: '', messageId: { id: 'x' } }, '4711'],
    [{ id: long }, long.slice(0, 256)],
    [{ id: true }, undefined],
    [{ data: { id: 'inside' } }, undefined],
    ['id', undefined],
    [['id'], undefined],
    [null, undefined],
  ]
  const told = bodies.map(([body]) => outcome(200, null, JSON.stringify(body)))
  expect(told).toEqual(bodies.map(([, messageId]) => ({ outcome: 'delivered', ...(messageId && { messageId }) })))
  const others = [outcome(200, null, 'no JSON {"id":1}'), outcome(200, null, '{"id":1e999}'), outcome(200, null, '')]
  expect(others).toEqual(others.map(() => ({ outcome: 'delivered' })))
  expect(outcome(500, null, '{"id":"x"}')).toEqual({
    outcome: 'transient',
    error: 'The webhook answered with status 500.',
  })
})
