import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import type { VirtualTimeScheduler } from 'rxjs'
import { expect, test } from 'vitest'
import { seededRandom } from '../../pipeline/engine/seeded-random.js'
import { type VirtualClock, virtualClock } from '../../pipeline/logs/memory/clock.js'
import { type Lane, lanes } from '../../schemas/streams.js'
import { everyOne, limitTo } from '../../testing/stages/throttle/throttle-sample.js'
import { type LimitsOf, sharedLimits } from '../shared-limits.js'
import type { LoadSignal } from './concurrency-limiter.js'
import { ProviderQueue, type ProviderQueueOptions, type QueueDestination } from './provider-queue.js'

const mail: QueueDestination = { channel: 'email', part: null, pace: null }
const host = (part: string): QueueDestination => ({ channel: 'webhook', part, pace: null })

/** A queue whose calls end when the test says so. */
function queueOf({
  limitsOf = () => [],
  clock = virtualClock(0),
  ...options
}: Partial<ProviderQueueOptions> & { readonly limitsOf?: LimitsOf; readonly clock?: VirtualClock } = {}) {
  const limits = sharedLimits(limitsOf, () => 1)
  const under: { entry: string; end: () => void }[] = []
  const called: string[] = []
  const made = new ProviderQueue<string>(
    {
      concurrency: 4,
      parts: null,
      cautious: 100,
      paceOf: (channel, pace, nowMs) => limits.pace('test', channel, pace, nowMs),
      ...options,
    },
    clock.scheduler,
    (entry) =>
      new Promise((resolve) => {
        called.push(entry)
        under.push({ entry, end: () => resolve('ok') })
      }),
  )
  return {
    clock,
    called,
    add: (entry: string, destination: QueueDestination = mail, lane: Lane = 'normal') =>
      made.add(lane, destination, entry),
    stop: () => made.stop(),
    underWay: () => under.map(({ entry }) => entry),
    async end(...entries: readonly string[]) {
      for (const entry of entries) {
        const at = under.findIndex((each) => each.entry === entry)
        for (const { end } of under.splice(at, 1)) end()
      }
      await clock.advance(0)
    },
  }
}

test('calls are made in turn, no more at once than may be', async () => {
  const { add, called, underWay, end } = queueOf({ concurrency: 2 })
  for (const entry of ['a', 'b', 'c', 'd', 'e']) add(entry)
  expect(called).toEqual(['a', 'b'])
  await end('b')
  expect(underWay()).toEqual(['a', 'c'])
  await end('a', 'c')
  expect(called).toEqual(['a', 'b', 'c', 'd', 'e'])
})

test('nor with many hosts, each with a call', async () => {
  const { add, called, end } = queueOf({ concurrency: 3 })
  for (const name of ['a', 'b', 'c', 'd', 'e']) add(name, host(name))
  expect(called).toEqual(['a', 'b', 'c'])
  await end('b')
  expect(called).toEqual(['a', 'b', 'c', 'd'])
})

test('who waits in a high lane goes first', async () => {
  const { add, called, end } = queueOf({ concurrency: 1 })
  add('first')
  add('low', mail, 'low')
  add('normal')
  add('high', mail, 'high')
  for (const entry of ['first', 'high', 'normal', 'low']) await end(entry)
  expect(called).toEqual(['first', 'high', 'normal', 'low'])
})

test('a host that hangs takes a quarter of the calls, and the others have the rest', async () => {
  const { add, called, end } = queueOf({ concurrency: 8 })
  for (let number = 0; number < 50; number++) add(`stuck-${number}`, host('stuck'))
  for (let number = 0; number < 20; number++) add(`well-${number}`, host(`well-${number % 5}`))
  for (let number = 0; number < 20; number++)
    await end(`well-${called.filter((one) => one.startsWith('well')).length - 1}`)
  const wells = called.filter((entry) => entry.startsWith('well'))
  expect([called.length - wells.length, wells.length > 6]).toEqual([2, true])
})

test('hosts of a lane take turns', () => {
  const { add, called } = queueOf({ concurrency: 8 })
  for (let number = 0; number < 3; number++) add(`busy-${number}`, host('busy'))
  for (const name of ['one', 'two']) for (let number = 0; number < 2; number++) add(`${name}-${number}`, host(name))
  expect(called).toEqual(['busy-0', 'busy-1', 'one-0', 'one-1', 'two-0', 'two-1'])
})

test('a channel at its limit waits for its time, and holds up no other channel', async () => {
  const { add, called, clock } = queueOf({
    concurrency: 100,
    limitsOf: (_, channel) => limitTo(channel, channel === 'sms' ? 2 : null),
  })
  const sms: QueueDestination = { ...mail, channel: 'sms' }
  for (const entry of ['s-1', 's-2', 's-3']) add(entry, sms, 'high')
  for (const entry of ['m-1', 'm-2']) add(entry)
  expect(called).toEqual(['m-1', 'm-2'])
  await clock.advance(500)
  await clock.advance(499)
  expect(called.slice(2)).toEqual(['s-1'])
  await clock.advance(501)
  expect(called.slice(2)).toEqual(['s-1', 's-2', 's-3'])
})

test('none stands still at its limit, wherever time passes between two reads of the clock', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = seededRandom(seed)
    const clock = virtualClock(0, () => (random() < 0.3 ? 1 : 0))
    const { add, called, underWay, end } = queueOf({ clock, concurrency: 100, limitsOf: everyOne(100) })
    for (let number = 0; number < 60; number++) add(`m-${number}`)
    await clock.runUntil(() => called.length === 60, 10_000)
    await end(...underWay())
    expect(called).toHaveLength(60)
  }
})

const aDestination = fc.record({
  channel: fc.constantFrom('email', 'sms'),
  part: fc.constantFrom(null, 'one.example', 'two.example'),
  pace: fc.constantFrom(null, 'c' as const),
})
const aMove = fc.oneof(
  fc.record({ move: fc.constant('add' as const), to: aDestination, lane: fc.constantFrom(...lanes) }),
  fc.record({
    move: fc.constant('end' as const),
    at: fc.nat(),
    signal: fc.constantFrom('ok', 'overloaded', 'not-called'),
  }),
  fc.record({ move: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 3000 }) }),
  fc.record({ move: fc.constant('remove' as const), at: fc.nat() }),
  fc.record({ move: fc.constant('share' as const), of: fc.constantFrom(0.1, 0.5, 1) }),
)

test('as long as something waits and could go, a call is under way or a timer is set', async () => {
  const property = fc.asyncProperty(
    fc.record({
      concurrency: fc.integer({ min: 1, max: 6 }),
      parts: fc.constantFrom(null, 1, 2),
      cautious: fc.integer({ min: 1, max: 3 }),
    }),
    fc.constantFrom(null, 0.01, 3, 250),
    fc.constantFrom(3, 50),
    fc.integer(),
    fc.array(aMove, { maxLength: 80 }),
    async (options, ratePerSecond, maxPassedMs, seed, moves) => {
      const random = seededRandom(seed)
      const clock = virtualClock(0, () => (random() < 0.3 ? Math.floor(random() * maxPassedMs) : 0))
      let share = 1
      const limits = sharedLimits(
        (_, channel) => limitTo(channel, channel === 'sms' ? ratePerSecond : null),
        () => share,
      )
      const calls: ((signal: LoadSignal) => void)[] = []
      const paceOf: ProviderQueueOptions['paceOf'] = (channel, pace, nowMs) => limits.pace('test', channel, pace, nowMs)
      const queue = new ProviderQueue<number>({ ...options, paceOf }, clock.scheduler, () => {
        return new Promise((resolve) => calls.push(resolve))
      })
      const isAwake = () => {
        const { calling, waiting } = queue.load()
        const { actions } = clock.scheduler as VirtualTimeScheduler
        return waiting === 0 || calling > 0 || actions.some(({ closed }) => !closed)
      }
      for (const [number, each] of moves.entries()) {
        if (each.move === 'add') queue.add(each.lane, each.to, number)
        else if (each.move === 'end') calls.splice(each.at % (calls.length || 1), 1)[0]?.(each.signal as LoadSignal)
        else if (each.move === 'remove') queue.remove((entry) => entry === each.at % 80)
        else if (each.move === 'share') share = each.of
        await clock.advance(each.move === 'pass' ? each.ms : 0)
        expect(isAwake()).toBe(true)
      }
      for (let rounds = 0; queue.load().waiting > 0 && rounds < 1000; rounds++) {
        for (const end of calls.splice(0)) end('ok')
        await clock.advance(60_000)
      }
      expect(queue.load().waiting).toBe(0)
    },
  )
  await fc.assert(property, { seed: 1, numRuns: 200 })
})

test('a class at its own pace holds up nobody else on its channel, and both share the channel’s limit', async () => {
  const channel = { name: 'sms', ratePerSecond: 20 }
  const own = { name: 'c sms', ratePerSecond: 4 }
  const { add, called, clock } = queueOf({
    concurrency: 100,
    limitsOf: (_, __, pace) => (pace === 'c' ? [channel, own] : [channel]),
  })
  const sms: QueueDestination = { ...mail, channel: 'sms' }
  for (let number = 0; number < 20; number++) add('c', { ...sms, pace: 'c' }, 'high')
  for (let number = 0; number < 40; number++) add('native', sms)
  for (let step = 0; step < 100; step++) await clock.advance(10)
  const of = (entry: string) => called.filter((each) => each === entry).length
  expect([of('c'), of('native')]).toEqual([4, 16])
})

test('a channel that hangs leaves calls to the others', async () => {
  const channel = (part: string): QueueDestination => ({ channel: part, part, pace: null })
  const { add, called, end } = queueOf({ concurrency: 8, parts: 3 })
  for (let number = 0; number < 50; number++) add(`stuck-${number}`, channel('sms'))
  for (let number = 0; number < 20; number++) add(`mail-${number}`, channel('email'))
  for (let number = 0; number < 20; number++) await end(`mail-${number}`)
  const mails = called.filter((entry) => entry.startsWith('mail'))
  expect([called.length - mails.length, mails.length]).toEqual([6, 20])
})

test('once stopped it calls nobody, now or later', async () => {
  const { add, called, clock, stop, end } = queueOf({ concurrency: 1, limitsOf: everyOne(10) })
  add('a')
  await clock.advance(100)
  add('b')
  stop()
  await end('a')
  await clock.advance(10_000)
  add('c')
  expect(called).toEqual(['a'])
})

test('who was called is let go, although somebody always waits', async () => {
  setFlagsFromString('--expose_gc')
  const collect: () => void = runInNewContext('gc')
  const clock = virtualClock(0)
  const made = new ProviderQueue<object>(
    { concurrency: 1, parts: null, cautious: 1, paceOf: () => null },
    clock.scheduler,
    async () => {
      await Promise.resolve()
      return 'ok'
    },
  )
  const first = new WeakRef({ payload: 'x'.repeat(1000) })
  const add = (entry: object | undefined) => entry && made.add('normal', mail, entry)
  add({ payload: 'before' })
  add(first.deref())
  for (let number = 0; number < 2000; number++) {
    add({ number })
    add({ number })
    await Promise.resolve()
  }
  await new Promise((resolve) => setImmediate(resolve))
  collect()
  expect(first.deref()).toBeUndefined()
})
