/** Whatever comes, and whatever time passes between two reads of the clock: what waits and could go, goes. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Delivery } from '../../schemas/events.js'
import { routed } from '../../schemas/outgoing.js'
import {
  at,
  cancelOf,
  deliveryOf,
  limitTo,
  passingMs,
  runThrottle,
  type ThrottleRun,
  throttleUnobserved,
} from '../../testing/stages/throttle/throttle-sample.js'

const window = 3
const ratePerSecond = 5
/** Longer than a lane waits for credit, and than a token of the limit takes. */
const lookMs = 300
/** A timer of a millisecond, and what passes between reads of the clock, some of them for each delivery. */
const lateMs = 40

type Happening =
  | {
      readonly kind: 'come'
      readonly count: number
      readonly provider: string
      readonly channel: string
      readonly inMs: number | null
    }
  | { readonly kind: 'comes-back'; readonly provider: string; readonly inMs: number }
  | { readonly kind: 'finished'; readonly count: number }
  | { readonly kind: 'opens'; readonly forMs: number }
  | { readonly kind: 'closes' | 'restarts' | 'is-killed' | 'is-cancelled' }
  | { readonly kind: 'time'; readonly ms: number }

const provider = fc.constantFrom('quick', 'limited', 'ill')
const happening: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({
    kind: fc.constant('come' as const),
    count: fc.integer({ min: 1, max: 6 }),
    provider,
    channel: fc.constantFrom('email', 'sms'),
    inMs: fc.option(fc.integer({ min: 1, max: 4000 })),
  }),
  fc.record({ kind: fc.constant('comes-back' as const), provider, inMs: fc.integer({ min: 1, max: 4000 }) }),
  fc.record({ kind: fc.constant('finished' as const), count: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constant('opens' as const), forMs: fc.integer({ min: 1, max: 2000 }) }),
  fc.record({
    kind: fc.constantFrom('closes' as const, 'restarts' as const, 'is-killed' as const, 'is-cancelled' as const),
  }),
  fc.record({ kind: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 2000 }) }),
)

interface Story {
  readonly run: ThrottleRun
  readonly came: Delivery[]
  readonly finished: Delivery[]
  /** When the breaker of the provider lets a probe through; null: it is closed. */
  probeAtMs: number | null
}

async function happen(story: Story, event: Happening): Promise<void> {
  const { run, came } = story
  switch (event.kind) {
    case 'come': {
      const { count, channel } = event
      return append(story, event, Array(count).fill({ channel }))
    }
    case 'comes-back':
      return append(story, event, [{ deferrals: 1 }])
    case 'finished':
      story.finished.push(...(await run.finish(event.count)))
      return
    case 'opens':
      story.probeAtMs = at(run.afterMs() + event.forMs)
      return tellBreaker(story)
    case 'closes':
      story.probeAtMs = null
      return tellBreaker(story)
    case 'restarts':
      return run.restart()
    case 'is-killed':
      return run.kill()
    case 'is-cancelled':
      return run.append(cancelOf(`d-${Math.floor(came.length / 2)}`))
    case 'time':
      return run.advance(event.ms)
  }
}

async function append(
  { run, came }: Story,
  { provider, inMs }: { readonly provider: string; readonly inMs: number | null },
  each: readonly Partial<Delivery>[],
): Promise<void> {
  const notBeforeMs = inMs === null ? null : at(run.afterMs() + inMs)
  const deliveries = each.map((more, index) =>
    deliveryOf(`d-${came.length + index}`, { provider, notBeforeMs, ...more }),
  )
  came.push(...deliveries)
  await run.append(...deliveries.map((delivery) => routed(delivery)))
}

async function tellBreaker({ run, probeAtMs }: Story): Promise<void> {
  const state = probeAtMs === null ? 'closed' : 'open'
  run.health.next({
    key: 'ill',
    tenant: 'default',
    provider: 'ill',
    state,
    sinceMs: at(run.afterMs()),
    lastError: null,
    atMs: at(run.afterMs()),
    retryAtMs: probeAtMs,
  })
  await run.advance(0)
}

/** What waits for the destination. */
function waitingFor({ run }: Story, name: string, channel: string): number {
  return run.parked().filter((key) => key.startsWith(`w/${name}%20${channel}`)).length
}

function releasedBy({ run }: Story, name: string, channel: string): number {
  const gone = run.told('deliveries.released', 'delivery-released').map(({ value }) => value.delivery)
  return gone.filter((one) => one.provider === name && one.channel === channel).length
}

function hasCredit(story: Story, channel: string): boolean {
  const gone = story.run.told('deliveries.released', 'delivery-released').map(({ value }) => value.delivery)
  const of = (deliveries: readonly Delivery[]) => deliveries.filter((one) => one.channel === channel).length
  return of(gone) - of(story.finished) < window
}

/** Looks at it twice, some time apart: what could go in between must have gone. */
async function expectMoved(story: Story): Promise<void> {
  const { run } = story
  const destinations = ['quick', 'limited', 'ill'].flatMap((name) =>
    ['email', 'sms'].map((channel) => [name, channel] as const),
  )
  const before = destinations.map(([name, channel]) => [
    waitingFor(story, name, channel),
    releasedBy(story, name, channel),
  ])
  await run.advance(lookMs)
  const stuck = destinations.filter(([name, channel], index) => {
    const [waited = 0, released = 0] = before[index] ?? []
    const open = name !== 'ill' || story.probeAtMs === null
    const moved = releasedBy(story, name, channel) > released
    return waited > 0 && waitingFor(story, name, channel) > 0 && open && hasCredit(story, channel) && !moved
  })
  const overdue = run
    .parked()
    .filter((key) => key.startsWith('d/') && Number(key.slice(2, 17)) < at(run.afterMs()) - lateMs)
  expect({ stuck, overdue, inMemory: run.worker().unacked() }).toEqual({ stuck: [], overdue: [], inMemory: 0 })
}

async function expectAllGone(story: Story): Promise<void> {
  const { run, came } = story
  story.probeAtMs = null
  await tellBreaker(story)
  for (let turn = 0; turn < 10 + came.length; turn++) {
    story.finished.push(...(await run.finish(came.length + 1)))
    await run.advance(1000)
  }
  const ended = run.statuses().filter(({ final }) => final)
  const left = [...run.released(), ...ended].map(({ id }) => id)
  expect([left.sort(), run.parked()]).toEqual([came.map(({ id }) => id).sort(), []])
}

test('what waits and could go has a timer, whatever happened, and nothing that is due stays', {
  timeout: 120_000,
}, async () => {
  const story = fc.asyncProperty(
    fc.integer(),
    fc.array(happening, { minLength: 5, maxLength: 40 }),
    async (seed, events) => {
      const limitsOf = (name: string, channel: string) =>
        limitTo(`${name} ${channel}`, name === 'limited' ? ratePerSecond : null)
      const run = runThrottle(
        { window, limitsOf, probeEveryMs: 1000 },
        { passedMs: passingMs(seed) },
        throttleUnobserved,
        undefined,
        { unwanted: async () => new Map() },
      )
      const told: Story = { run, came: [], finished: [], probeAtMs: null }
      for (const event of events) {
        await happen(told, event)
        await expectMoved(told)
      }
      await expectAllGone(told)
    },
  )
  await fc.assert(story, { seed: 20300101, numRuns: 150 })
})
