import { describe, expect, test } from 'vitest'
import { type TokenBucket, tokenBucket } from './token-bucket.js'

/** Mulberry32: the same schedule for the same seed. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Takes all there is at every instant of the schedule; the times of the tokens. */
function drain(bucket: TokenBucket, instants: readonly number[]): number[] {
  const taken: number[] = []
  for (const at of instants) while (bucket.take(at)) taken.push(at)
  return taken
}

/** Instants up to `untilMs`, at most `gapMs` apart. */
function instants(random: () => number, gapMs: number, untilMs: number): number[] {
  const schedule: number[] = []
  for (let at = 0; at < untilMs; at += random() * gapMs) schedule.push(at)
  return schedule
}

function countIn(times: readonly number[], fromMs: number, toMs: number): number {
  return times.filter((at) => at >= fromMs && at < toMs).length
}

describe.each([10, 50, 333, 1_000])('under full load at %i a second', (rate) => {
  test.each([1, 2, 3])('any 5 s hold 0.9 to 1.02 of the limit (seed %i)', (seed) => {
    const taken = drain(tokenBucket({ ratePerSecond: rate, nowMs: 0 }), instants(seeded(seed), 20, 20_000))
    const shares = Array.from({ length: 150 }, (_, i) => countIn(taken, i * 100, i * 100 + 5_000) / (5 * rate))
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(0.9)
    expect(Math.max(...shares)).toBeLessThanOrEqual(1.02)
  })
})

test('no window holds more than its share and the burst, whatever the load and the clock do', () => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const random = seeded(seed)
    const [rate, burst] = [1 + random() * 50, 1 + random() * 20]
    const bucket = tokenBucket({ ratePerSecond: rate, burst, nowMs: 0 })
    const taken: number[] = []
    let at = 0
    for (let i = 0; i < 300; i += 1) {
      at += random() * 100
      const seen = at - random() * 500
      if (random() < 0.8) while (bucket.take(seen)) taken.push(seen)
    }
    taken.sort((a, b) => a - b)
    const over = taken.map((from, i) =>
      taken.slice(i).reduce((most, to, j) => Math.max(most, j + 1 - burst - ((to - from + 500) * rate) / 1_000), 0),
    )
    expect(Math.max(...over)).toBeLessThanOrEqual(0.001)
  }
})

test('the time that waitMs names is the first whole millisecond with a token', () => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const random = seeded(seed)
    const bucket = tokenBucket({ ratePerSecond: 0.1 + random() * 2_000, nowMs: 1_700_000_000_000 })
    let at = 1_700_000_000_000
    for (let i = 0; i < 200; i += 1) {
      const waitMs = bucket.waitMs(at)
      const early = waitMs > 0 && bucket.take(at + waitMs - 1)
      at += waitMs
      expect([early, bucket.waitMs(at), bucket.take(at)]).toEqual([false, 0, true])
    }
  }
})

test('it starts empty, and full where that is asked for', () => {
  const empty = tokenBucket({ ratePerSecond: 100, nowMs: 0 })
  const full = tokenBucket({ ratePerSecond: 100, nowMs: 0, full: true })
  expect([drain(empty, [0]).length, empty.waitMs(0), drain(full, [0]).length]).toEqual([0, 10, 10])
})

test('it never holds more than the burst', () => {
  const counts = [1, 25, 1_000].map((rate) => drain(tokenBucket({ ratePerSecond: rate, nowMs: 0 }), [3_600_000]).length)
  expect(counts).toEqual([1, 2, 100])
})

test('a clock that trembles gives nothing twice', () => {
  const bucket = tokenBucket({ ratePerSecond: 10, nowMs: 0 })
  expect(drain(bucket, [1_000, 500, 999, 1_000])).toEqual([1_000])
  expect(bucket.waitMs(500)).toBe(600)
})

test('a clock that is set back an hour does not stop it', () => {
  const bucket = tokenBucket({ ratePerSecond: 10, nowMs: 7_200_000 })
  expect(drain(bucket, [7_200_100, 3_600_000, 3_600_099, 3_600_100])).toEqual([7_200_100, 3_600_100])
})

test('a new rate counts from its moment on', () => {
  const bucket = tokenBucket({ ratePerSecond: 1, nowMs: 0 })
  bucket.setRate(100, 500)
  expect([bucket.take(500), bucket.waitMs(500), drain(bucket, [1_000]).length]).toEqual([false, 5, 10])
})

test('a smaller rate takes the tokens that are too many', () => {
  const bucket = tokenBucket({ ratePerSecond: 100, nowMs: 0, full: true })
  bucket.setRate(20, 0)
  expect(drain(bucket, [0]).length).toBe(2)
})

test('at a rate of nothing there is nothing to wait for', () => {
  const bucket = tokenBucket({ ratePerSecond: 0, nowMs: 0 })
  expect([bucket.take(1_000_000), bucket.waitMs(1_000_000)]).toEqual([false, Number.POSITIVE_INFINITY])
})
