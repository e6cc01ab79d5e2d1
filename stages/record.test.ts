import { firstValueFrom, of, Subject } from 'rxjs'
import { TestScheduler } from 'rxjs/testing'
import { expect, it } from 'vitest'
import type { NotificationStatus } from '../schemas/events.js'
import { quietContext } from './context.sample.js'
import { sampleStatus } from './record/events.sample.js'
import { type RecordStore, record } from './record.js'
import type { Batch, StageContext } from './stage.js'

const batch: Batch<'notification-status'> = {
  records: [1, 2].map((offset) => ({
    event: 'notification-status',
    value: sampleStatus(offset),
    recordId: `notifications.status-0-${offset}`,
    scope: { lane: 'normal', partition: 0 },
    timestampMs: 0,
    headers: {},
    fresh: true,
  })),
}

function context(): StageContext {
  const state = { get: () => undefined, put: () => {}, delete: () => {}, range: () => [] }
  const clock = new TestScheduler(() => {})
  return { ...quietContext, clock, state: () => state }
}

it('settles a batch after its merge is stored, and not before', async () => {
  const stored = new Subject<void>()
  const merged: (readonly NotificationStatus[])[] = []
  const store: RecordStore = {
    merge: (events) => {
      merged.push(events)
      return firstValueFrom(stored, { defaultValue: undefined })
    },
  }
  const steps: unknown[] = []
  const done = new Promise<void>((resolve) => {
    of(batch)
      .pipe(record(store).operator(context()))
      .subscribe({ next: (step) => steps.push(step), complete: resolve })
  })
  await Promise.resolve()
  expect({ merged, steps }).toEqual({ merged: [batch.records.map(({ value }) => value)], steps: [] })
  stored.complete()
  await done
  expect(steps).toEqual([{ settled: batch.records, outputs: [], changes: [], drops: [], deadLetters: [] }])
})

it('settles nothing when the merge fails', async () => {
  const store: RecordStore = { merge: () => Promise.reject(new Error('away')) }
  const outcome = firstValueFrom(of(batch).pipe(record(store).operator(context())))
  await expect(outcome).rejects.toThrow('away')
})
