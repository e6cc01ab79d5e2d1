import { firstValueFrom, from, of, Subject, toArray } from 'rxjs'
import { TestScheduler } from 'rxjs/testing'
import { describe, expect, it } from 'vitest'
import type { NotificationChanged, NotificationStatus } from '../../schemas/events.js'
import { quietContext } from '../../testing/stages/context-sample.js'
import { sampleDelivery, sampleStatus, startMs } from '../../testing/stages/record/events-sample.js'
import type { Batch, StageContext } from '../stage.js'
import { groupByNotification, mergeRecord } from './merge.js'
import { type RecordStore, type RecordWatchers, record } from './record.js'
import type { RecordState } from './state.js'

function batchOf(events: readonly NotificationStatus[], firstDelivery = true): Batch<'notification-status'> {
  return {
    records: events.map((value, offset) => ({
      event: 'notification-status',
      value,
      recordId: `notifications.status-0-${offset}`,
      scope: { lane: 'normal', partition: 0 },
      timestampMs: 0,
      headers: {},
      firstDelivery,
    })),
  }
}

function context(): StageContext {
  const state = { get: () => undefined, put: () => {}, delete: () => {}, range: () => [] }
  const clock = new TestScheduler(() => {})
  return { ...quietContext, clock, state: () => state }
}

/** A store in memory. */
function memoryStore(): RecordStore {
  const states = new Map<string, RecordState>()
  return {
    merge: async (events) =>
      [...groupByNotification(events)].map((group) => {
        const id = group[0]?.notificationId ?? ''
        const before = states.get(id)
        const after = mergeRecord(before, group)
        states.set(id, after)
        return { before, events: group, after }
      }),
  }
}

const accepted = sampleStatus(10, { status: 'accepted' })
const ended = sampleStatus(90, { deliveries: [sampleDelivery({ status: 'sent', final: true })] })
const changed = (status: string, afterMs: number): NotificationChanged => ({
  notificationId: 'n-1',
  tenant: 'default',
  recipient: 'user-42',
  status,
  inbox: false,
  waitsAgain: false,
  origin: 'native',
  atMs: startMs + afterMs,
})

describe('record', () => {
  it('settles a batch after its merge is stored, and not before', async () => {
    const stored = new Subject<void>()
    const merged: (readonly NotificationStatus[])[] = []
    const store: RecordStore = {
      async merge(events) {
        merged.push(events)
        await firstValueFrom(stored, { defaultValue: undefined })
        return []
      },
    }
    const batch = batchOf([sampleStatus(1), sampleStatus(2)])
    const steps: unknown[] = []
    const done = new Promise<void>((resolve) => {
      of(batch)
        .pipe(record(store, null).operator(context()))
        .subscribe({ next: (step) => steps.push(step), complete: resolve })
    })
    await Promise.resolve()
    expect({ merged, steps }).toEqual({ merged: [batch.records.map(({ value }) => value)], steps: [] })
    stored.complete()
    await done
    expect(steps).toEqual([{ acked: batch.records, outputs: [], changes: [], drops: [], deadLetters: [] }])
  })

  it('settles nothing when the merge fails', async () => {
    const store: RecordStore = { merge: () => Promise.reject(new Error('away')) }
    const outcome = firstValueFrom(of(batchOf([accepted])).pipe(record(store, null).operator(context())))
    await expect(outcome).rejects.toThrow('away')
  })

  it('writes what changed to the log, in the step that settles it, by notification', async () => {
    const steps = of(batchOf([accepted, ended])).pipe(record(memoryStore(), null).operator(context()))
    const { outputs } = await firstValueFrom(steps)
    const topic = { stream: 'notifications.changed', lane: null, channel: null, key: 'n-1' }
    expect(outputs).toEqual([
      { event: 'notification-changed', ...topic, value: changed('accepted', 10) },
      { event: 'notification-changed', ...topic, value: changed('sent', 90) },
    ])
  })

  it('tells the status once more of records that may have been merged and never told', async () => {
    const batches = from([batchOf([accepted, ended]), batchOf([ended]), batchOf([accepted, ended], false)])
    const steps = await firstValueFrom(batches.pipe(record(memoryStore(), null).operator(context()), toArray()))
    const told = steps.map(({ outputs }) => outputs.map(({ value }) => value.status))
    expect(told).toEqual([['accepted', 'sent'], [], ['sent']])
  })

  it('tells watchers instead where there are some, only while they watch', async () => {
    const told: (readonly NotificationChanged[])[] = []
    let isWatched = false
    const watchers: RecordWatchers = { watching: () => isWatched, tell: (changes) => told.push(changes) }
    const stage = record(memoryStore(), watchers)
    const run = (...events: NotificationStatus[]) => firstValueFrom(of(batchOf(events)).pipe(stage.operator(context())))
    const unwatched = await run(accepted)
    isWatched = true
    const watched = await run(ended)
    expect([unwatched.outputs, watched.outputs, told]).toEqual([[], [], [[changed('sent', 90)]]])
  })
})
