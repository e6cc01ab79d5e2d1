import { expect, it } from 'vitest'
import type { Attempt } from '../../schemas/events.js'
import { startMs } from '../../testing/stores/store-under-test.js'
import { type Progress, packProgress, unpackProgress } from './record-progress.js'

const attempt = (number: number, changes: Partial<Attempt> = {}): Attempt => {
  return {
    number,
    atMs: startMs + number,
    outcome: 'transient',
    error: 'busy',
    latencyMs: 20,
    messageId: null,
    ...changes,
  }
}

function progress(attempts: readonly Attempt[]): Progress {
  const delivery = {
    id: 'n-1.sms',
    channel: 'sms',
    provider: 'test',
    status: 'sent' as const,
    final: true,
    siblings: 1,
  }
  return {
    firstAtMs: startMs,
    lastAtMs: startMs + 90,
    duplicateOf: null,
    ends: [{ status: 'rejected', atMs: startMs + 5 }],
    deliveries: [{ ...delivery, atMs: startMs + 90, told: 2, attempts }],
    trail: [
      { atMs: startMs, stage: 'ingress', event: 'accepted', channel: null, reason: null, detail: null },
      { atMs: startMs + 90, stage: 'deliver', event: 'sent', channel: 'sms', reason: null, detail: 'm-7' },
    ],
  }
}

it.each([
  ['none', [attempt(1), attempt(2, { outcome: 'sent', error: null })]],
  ['some', [attempt(1), attempt(2, { outcome: 'sent', error: null, messageId: 'm-7' })]],
  ['all', [attempt(1, { messageId: 'm-1' }), attempt(2, { messageId: 'm-2' })]],
])('progress is read as it was written, with the ids of providers of %s of the calls', (_which, attempts) => {
  expect(unpackProgress(packProgress(progress(attempts)))).toEqual(progress(attempts))
})

it('progress that was stored before providers told ids is read as without any', () => {
  const calls = [1, startMs + 1, 'transient', 'busy', 20, 2, startMs + 2, 'sent', null, 20]
  const delivery = ['n-1.sms', 'sms', 'test', 'sent', 1, 1, startMs + 90, 2, calls]
  const trail = [0, 0, 'accepted', null, null, null, 90, 5, 'sent', 'sms', null, 'm-7']
  const stored = JSON.stringify([startMs, startMs + 90, null, ['rejected', startMs + 5], [delivery], trail])
  expect(unpackProgress(stored)).toEqual(progress([attempt(1), attempt(2, { outcome: 'sent', error: null })]))
})
