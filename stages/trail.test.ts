import { expect, test } from 'vitest'
import type { TrailEntry } from '../schemas/events.js'
import { extend } from './trail.js'

const entryOf = (atMs: number): TrailEntry => {
  return { atMs, stage: 'deliver', event: 'deferred', channel: null, reason: null, detail: null }
}

test('a trail grows at its end', () => {
  expect(extend([entryOf(1)], entryOf(2))).toEqual([entryOf(1), entryOf(2)])
})

test('one of a delivery that is put off for ever keeps its beginning and its end, and its size', () => {
  let trail: readonly TrailEntry[] = []
  for (let atMs = 0; atMs < 1000; atMs++) trail = extend(trail, entryOf(atMs))
  const kept = trail.map(({ atMs }) => atMs)
  const beginning = Array.from({ length: 16 }, (_, atMs) => atMs)
  const end = Array.from({ length: 32 }, (_, index) => 968 + index)
  expect(kept).toEqual([...beginning, ...end])
})
