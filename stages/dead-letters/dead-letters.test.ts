import { describe, expect, test } from 'vitest'
import { createCodec } from '../../pipeline/engine/codec.js'
import { seededRandom } from '../../pipeline/engine/seeded-random.js'
import { readLetter } from '../../pipeline/run/dead-letters.js'
import type { DeadLetter, ReplayRequested } from '../../schemas/events.js'
import { accepted, deadLetter, type Outgoing, replayRequested } from '../../schemas/outgoing.js'
import { topicOf, topicsOf } from '../../schemas/streams.js'
import { notification } from '../../testing/engine/worker-under-test.js'
import { type RunnerOptions, stageRunner, startMs } from '../../testing/stages/stage-runner-sample.js'
import { deadLetters, type KeptLetter, type LetterStore } from './dead-letters.js'

const codec = createCodec()
const memoryMs = 30 * 24 * 3_600_000

/** A store in memory. `away` says whether the next call fails. */
function letterStore(away: (call: keyof LetterStore) => boolean = () => false) {
  const kept = new Map<string, KeptLetter>()
  const answer = (call: keyof LetterStore) => {
    if (away(call)) throw new Error('as the test wants it')
  }
  const store: LetterStore = {
    async putAll(letters) {
      answer('putAll')
      for (const letter of letters) {
        if (!kept.has(letter.id)) kept.set(letter.id, { letter, record: { status: 'dead' } })
      }
    },
    async get(id) {
      answer('get')
      return kept.get(id)
    },
    async mark(id, status) {
      answer('mark')
      const found = kept.get(id)
      if (found?.record.status === 'dead') kept.set(id, { ...found, record: { status } })
    },
  }
  const statuses = () => Object.fromEntries([...kept].map(([id, { record }]) => [id, record.status]))
  return { ...store, kept, statuses }
}

function runDeadLetters(store: LetterStore, options: RunnerOptions = {}) {
  const runner = stageRunner(options)
  const drops = new Map<string, number>()
  const observer = {
    committed: (commit: { readonly drops: readonly { readonly reason: string }[] }) => {
      for (const { reason } of commit.drops) drops.set(reason, (drops.get(reason) ?? 0) + 1)
    },
  }
  const ports = { letters: store, read: (letter: DeadLetter) => readLetter(codec, letter) }
  const start = () => runner.start(deadLetters(ports, { maxReplays: 5, memoryMs }), { observer, batch: 8 })
  return {
    ...runner,
    worker: start(),
    startAgain: start,
    drops: () => Object.fromEntries(drops),
    again: () =>
      runner.told('notifications.accepted', 'notification-accepted').map(({ value }) => {
        const { id, nonce, replays } = value.request
        return { id, nonce, replays }
      }),
    statuses: () => runner.told('notifications.status', 'notification-status').map(({ value }) => value),
  }
}

/** The letter of a record that a stage gave up. */
function letterOf(id: string, outgoing: Outgoing, changes: Partial<DeadLetter> = {}): DeadLetter {
  const { key, value, headers } = codec.encode(outgoing, 5)
  const place = { topic: `${outgoing.stream}.${outgoing.lane}`, partition: 0, offset: 7 }
  const why = { stage: 'enrich-template', cause: 'stage-crash', detail: 'Again and again.' }
  return {
    id,
    tenant: 'default',
    atMs: 5,
    ...place,
    ...why,
    notificationId: 'n',
    key,
    value,
    headers,
    replays: 0,
    ...changes,
  }
}

const acceptedLetter = (id: string, replays = 0, notificationId = 'n') =>
  letterOf(id, accepted({ request: { ...notification(notificationId), replays }, trail: [] }), {
    replays,
    notificationId,
  })

const command = ({ id, notificationId }: Pick<DeadLetter, 'id' | 'notificationId'>): ReplayRequested => {
  return { letterId: id, notificationId, tenant: 'default', correlationId: 'c', requestedAtMs: startMs }
}
const asked = (letter: DeadLetter) => replayRequested(command(letter))

describe('a replay', () => {
  test('puts the record back with a fresh nonce and one more replay, and the store and the timeline are told', async () => {
    const store = letterStore()
    const run = runDeadLetters(store)
    const letter = acceptedLetter('l-1', 2)
    await run.append(deadLetter(letter), asked(letter))
    await run.advance(0)
    const request = { ...notification('n'), nonce: 'l-1', replays: 3 }
    expect(run.told('notifications.accepted', 'notification-accepted').map(({ value }) => value)).toEqual([
      { request, trail: [] },
    ])
    expect(store.statuses()).toEqual({ 'l-1': 'replayed' })
    expect(run.statuses()).toEqual([
      {
        eventId: 'dead-letters-0-1-replay',
        ...{ notificationId: 'n', tenant: 'default', recipient: 'user', atMs: startMs },
        ...{ status: null, duplicateOf: null, summary: null, deliveries: [] },
        trail: [
          {
            ...{ atMs: startMs, stage: 'ingress', event: 'replayed', channel: null },
            ...{ reason: 'stage-crash', detail: 'l-1' },
          },
        ],
        traceparent: null,
      },
    ])
    expect(run.drops()).toEqual({})
    await run.stop(run.worker)
  })

  test('happens once, however often it is asked: at once, later, and after a restart', async () => {
    const store = letterStore()
    const run = runDeadLetters(store)
    const letter = acceptedLetter('l-1')
    await run.append(deadLetter(letter), asked(letter), asked(letter))
    await run.append(asked(letter))
    await run.stop(run.worker)
    const next = run.startAgain()
    await run.append(asked(letter))
    expect(run.again()).toEqual([{ id: 'n', nonce: 'l-1', replays: 1 }])
    expect([store.statuses(), run.drops()]).toEqual([{ 'l-1': 'replayed' }, { 'decided-before': 3 }])
    await run.stop(next)
  })

  test('is remembered without the store: one that was set up anew is told once more', async () => {
    const store = letterStore()
    const run = runDeadLetters(store)
    const letter = acceptedLetter('l-1')
    await run.append(deadLetter(letter), asked(letter))
    await run.advance(0)
    store.kept.set(letter.id, { letter, record: { status: 'dead' } })
    await run.append(asked(letter))
    await run.advance(0)
    expect([run.again().length, store.statuses()]).toEqual([1, { 'l-1': 'replayed' }])
    await run.stop(run.worker)
  })

  test('that the store knows of from before is not made again', async () => {
    const store = letterStore()
    const run = runDeadLetters(store)
    const letter = acceptedLetter('l-1')
    store.kept.set(letter.id, { letter, record: { status: 'replayed' } })
    await run.append(asked(letter))
    expect([run.again(), run.drops()]).toEqual([[], { 'decided-before': 1 }])
    await run.stop(run.worker)
  })

  test('of what came back five times ends in parking, and the timeline says so', async () => {
    const store = letterStore()
    const run = runDeadLetters(store)
    for (let replays = 0; replays <= 5; replays++) {
      const letter = acceptedLetter(`l-${replays}`, replays)
      await run.append(deadLetter(letter), asked(letter), asked(letter))
    }
    await run.advance(0)
    expect(run.again().map(({ nonce, replays }) => [nonce, replays])).toEqual([
      ...[0, 1, 2, 3, 4].map((round) => [`l-${round}`, round + 1]),
    ])
    expect(store.statuses()).toEqual({
      ...Object.fromEntries([0, 1, 2, 3, 4].map((round) => [`l-${round}`, 'replayed'])),
      'l-5': 'parked',
    })
    expect(run.statuses().at(-1)?.trail).toEqual([
      { atMs: startMs, stage: 'ingress', event: 'parked', channel: null, reason: 'too-many-replays', detail: 'l-5' },
    ])
    expect(run.drops()).toEqual({ 'decided-before': 6, parked: 1 })
    await run.stop(run.worker)
  })

  test('of what cannot be read, or is nobody’s, changes nothing', async () => {
    const store = letterStore()
    const run = runDeadLetters(store)
    const unreadable = { ...acceptedLetter('l-1'), value: Buffer.from('no Avro') }
    const told = letterOf('l-2', asked(unreadable), { topic: 'dead-letters' })
    const foreign = { ...acceptedLetter('l-3'), topic: 'orders' }
    const letters = [unreadable, told, foreign]
    await run.append(...letters.map(deadLetter), ...letters.map(asked), asked(acceptedLetter('nobody')))
    expect([run.again(), run.statuses(), run.drops()]).toEqual([[], [], { 'not-replayable': 3, 'unknown-letter': 1 }])
    expect(store.statuses()).toEqual({ 'l-1': 'dead', 'l-2': 'dead', 'l-3': 'dead' })
    await run.stop(run.worker)
  })
})

describe('a crash', () => {
  test('between the replay and the store’s mark leaves the mark to the next life, and replays nothing twice', async () => {
    let marksFail = true
    const store = letterStore((call) => call === 'mark' && marksFail)
    const run = runDeadLetters(store)
    const letter = acceptedLetter('l-1')
    await run.append(deadLetter(letter), asked(letter))
    expect([run.again().length, store.statuses()]).toEqual([1, { 'l-1': 'dead' }])
    run.crashMemberOf('dead-letters')
    await run.stop(run.worker, 0)
    marksFail = false
    const next = run.startAgain()
    await run.advance(20_000)
    expect([run.again().length, store.statuses()]).toEqual([1, { 'l-1': 'replayed' }])
    await run.stop(next)
  })

  test('before the commit leaves nothing behind, and the replay is made by the next life', async () => {
    const store = letterStore()
    const run = runDeadLetters(store)
    const letter = acceptedLetter('l-1')
    await run.append(deadLetter(letter))
    run.log.failNextCommit('write')
    await run.append(asked(letter))
    const before = run.again()
    await run.advance(1000)
    expect([before, run.again().length, store.statuses()]).toEqual([[], 1, { 'l-1': 'replayed' }])
    await run.stop(run.worker)
  })

  test.each([1, 2, 3])('at any point, again and again, costs no replay and doubles none (seed %i)', async (seed) => {
    const random = seededRandom(seed)
    const store = letterStore(() => random() < 0.1)
    const run = runDeadLetters(store, { partitions: 3, faults: { random, commitFails: 0.2 } })
    let { worker } = run
    const letters = Array.from({ length: 40 }, (_, index) => acceptedLetter(`l-${index}`, 0, `n-${index % 7}`))
    for (const letter of letters) {
      await run.append(deadLetter(letter), asked(letter))
      if (random() < 0.5) await run.append(asked(letter))
      if (random() < 0.3) {
        run.crashMemberOf('dead-letters')
        await run.stop(worker, 0)
        worker = run.startAgain()
      }
      await run.advance(Math.floor(random() * 20))
    }
    await run.advance(120_000)
    const nonces = run.again().map(({ nonce }) => nonce)
    expect(nonces.sort()).toEqual(letters.map(({ id }) => id).sort())
    expect(new Set(Object.values(store.statuses()))).toEqual(new Set(['replayed']))
    await run.stop(worker)
  })
})

describe('while the store is away', () => {
  test('letters wait in their topic, none is buried in another, and all arrive once it is back', async () => {
    let away = true
    const store = letterStore(() => away)
    const run = runDeadLetters(store)
    const letters = [1, 2, 3].map((number) => acceptedLetter(`l-${number}`))
    await run.append(...letters.map(deadLetter), ...letters.map(asked))
    await run.advance(600_000)
    const waiting = [run.again().length, run.log.unacked('dead-letters', place), store.statuses()]
    away = false
    await run.advance(20_000)
    expect(waiting).toEqual([0, 6, {}])
    expect(run.log.unacked('dead-letters', place)).toBe(0)
    expect(store.statuses()).toEqual({ 'l-1': 'replayed', 'l-2': 'replayed', 'l-3': 'replayed' })
    await run.stop(run.worker)
  })
})

test('a record of the topic that is no letter is kept as one, with its bytes', async () => {
  const store = letterStore()
  const run = runDeadLetters(store)
  const [topic] = topicsOf('dead-letters')
  const value = Buffer.from('no Avro')
  if (topic) await run.appendRecords([{ topic, key: null, value, headers: { from: 'somewhere' }, timestampMs: 5 }])
  await run.advance(0)
  const kept = store.kept.get('dead-letters-0-0-dead-letters')
  expect(kept?.letter).toMatchObject({
    cause: 'not-avro',
    topic: 'dead-letters',
    value,
    headers: { from: 'somewhere' },
  })
  expect(store.statuses()).toEqual({ 'dead-letters-0-0-dead-letters': 'dead' })
  await run.stop(run.worker)
})

const place = { topic: topicOf('dead-letters', null, null), partition: 0 }
