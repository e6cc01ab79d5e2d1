import { expect, test } from 'vitest'
import type { ProviderHealth } from '../../schemas/events.js'
import type { Destination } from './destination.js'
import { gates } from './gates.js'

const hourMs = 3_600_000
const startMs = 100 * hourMs
const scope = { lane: 'normal', partition: 0 } as const
const credit = { outstanding: () => 0, finished: () => 0 }

function gatesOf(probeEveryMs = 30_000) {
  return gates(credit, { window: 100, limitsOf: () => [], probeEveryMs }, () => 1)
}

function to(provider: string): Destination {
  return { name: `${provider} email `, provider, channel: 'email', part: null, pace: null }
}

function openOf(key: string, atMs: number, retryAtMs: number): ProviderHealth {
  return { key, tenant: 'default', provider: key, state: 'open', sinceMs: atMs, lastError: null, atMs, retryAtMs }
}

test('to ask changes nothing: of two looks at the time of a probe both see it open, and one probe goes', () => {
  const gate = gatesOf()
  gate.heard(openOf('test', startMs, startMs + 1000), startMs)
  const probeMs = startMs + 1000
  expect([gate.check(to('test'), scope, probeMs), gate.check(to('test'), scope, probeMs)]).toEqual([
    { open: true },
    { open: true },
  ])
  gate.pass(to('test'), scope, probeMs)
  expect(gate.check(to('test'), scope, probeMs)).toEqual({ open: false, reason: 'breaker-open', retryInMs: 30_000 })
  const laterMs = probeMs + 30_000
  expect([gate.check(to('test'), scope, laterMs).open, gate.room(to('test'), scope, laterMs)]).toEqual([true, 99])
})

test('a clock that is set back an hour does not hold a probe back for an hour', () => {
  const gate = gatesOf()
  gate.heard(openOf('test', startMs, startMs + 30_000), startMs)
  expect(gate.check(to('test'), scope, startMs - hourMs)).toEqual({ open: true })
  gate.pass(to('test'), scope, startMs - hourMs)
  expect(gate.check(to('test'), scope, startMs - hourMs)).toMatchObject({ open: false, retryInMs: 30_000 })
})

test('news of a breaker that is remembered already displaces no other', () => {
  const gate = gatesOf()
  const names = Array.from({ length: 10_000 }, (_, index) => `p-${index}`)
  for (const name of names) gate.heard(openOf(name, startMs, startMs + 30_000), startMs)
  gate.heard(openOf('p-9999', startMs, startMs + 60_000), startMs)
  expect(gate.check(to('p-0'), scope, startMs).open).toBe(false)
})
