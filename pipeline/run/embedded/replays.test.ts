import { afterEach, describe, expect, test, vi } from 'vitest'
import { deadLetter, requested, routed } from '../../../schemas/outgoing.js'
import { topicName } from '../../../schemas/streams.js'
import type { SendResult } from '../../../stages/deliver/providers/provider.js'
import {
  closeAll,
  newFile,
  notificationOf,
  quickConfig,
  run,
  writeRecords,
} from '../../../testing/run/embedded/engine-sample.js'
import { retriesOf } from '../../../testing/run/retries-sample.js'
import { createCodec } from '../../engine/codec.js'

afterEach(async () => {
  vi.restoreAllMocks()
  await closeAll()
})

const codec = createCodec()

const keysOf = (calls: readonly { readonly key: string }[]) => calls.map(({ key }) => key).sort()

describe('a replay of a dead letter', () => {
  test('reaches the provider under a fresh key, and the notification ends as that does', async () => {
    let well = false
    const answer = (): SendResult => (well ? { outcome: 'delivered' } : { outcome: 'permanent', error: 'refused' })
    const one = await run(undefined, { answer })
    const notification = notificationOf()
    const { id } = notification
    await one.accept([notification])
    expect((await one.ended(id)).status).toBe('failed')
    await one.until(async () => (await one.deadLetters()).length === 1)
    const [{ record: first } = { record: { id: '' } }] = await one.deadLetters()
    well = true
    const results = await Promise.all([one.replay(first.id), one.replay(first.id)])
    expect(results).toEqual(['replayed', 'replayed'])
    await one.until(async () => (await one.record(id))?.status === 'delivered')
    expect(one.calls.map(({ key, attempt }) => [key, attempt])).toEqual([
      [`${id}.email`, 1],
      [`${id}.email.r1`, 1],
    ])
    expect(await one.replay(first.id)).toBe('decided-before')
    expect(await one.replay('nobody')).toBe('unknown')
  })

  test('that dies again can be replayed again, five times in all; then it is parked', async () => {
    const one = await run(undefined, { answer: () => ({ outcome: 'permanent', error: 'refused' }) })
    const { id } = notificationOf()
    await one.accept([notificationOf({ id })])
    const replayed: string[] = []
    for (let round = 0; round <= 5; round++) {
      await one.until(async () => (await one.deadLetters()).length === round + 1)
      const open = (await one.deadLetters()).find(({ record }) => record.status === 'dead')
      replayed.push(await one.replay(open?.record.id ?? ''))
    }
    expect(replayed).toEqual([...Array(5).fill('replayed'), 'parked'])
    expect(one.calls.map(({ key }) => key)).toEqual([
      `${id}.email`,
      ...[1, 2, 3, 4, 5].map((round) => `${id}.email.r${round}`),
    ])
    const last = (await one.deadLetters()).find(({ record }) => record.status === 'parked')
    expect([last?.letter.replays, await one.replay(last?.record.id ?? '')]).toEqual([5, 'decided-before'])
    const told = async () =>
      (await one.record(id))?.timeline.filter(({ event }) => ['replayed', 'parked'].includes(event))
    await one.until(async () => (await told())?.at(-1)?.event === 'parked')
    expect((await told())?.map(({ stage, event, reason }) => [stage, event, reason])).toEqual([
      ...Array(5).fill(['ingress', 'replayed', 'permanent-error']),
      ['ingress', 'parked', 'too-many-replays'],
    ])
  })

  test('that was tried for as long as may be is tried for as long again', async () => {
    const changes = { breaker: { ...quickConfig().breaker, failures: 1000 }, retry: retriesOf([50, 400], 2000) }
    const answer = (): SendResult => ({ outcome: 'transient', error: 'down' })
    const one = await run(undefined, { answer, config: (config) => ({ ...config, ...changes }) })
    const { id } = notificationOf()
    await one.accept([notificationOf({ id })])
    await one.until(async () => (await one.deadLetters()).length === 1)
    const [letter] = await one.deadLetters()
    expect(letter?.letter.cause).toBe('gave-up')
    expect(await one.replay(letter?.record.id ?? '')).toBe('replayed')
    await one.until(async () => (await one.deadLetters()).length === 2)
    const keys = [`${id}.email`, `${id}.email.r1`]
    const attempts = keys.map((of) => one.calls.filter(({ key }) => key === of).map(({ attempt }) => attempt))
    expect(attempts.map((numbers) => numbers.slice(0, 2).join())).toEqual(['1,2', '1,2'])
  })

  test('that died at the very first stage passes it the second time, and is sent under a fresh key', async () => {
    const file = newFile()
    const notification = notificationOf()
    const { topic, key, value } = codec.encode(requested(notification), 5)
    const letter = { id: 'letter', tenant: 'default', atMs: 5, stage: 'dedupe', partition: 0, offset: 0, headers: {} }
    const why = {
      topic: topicName(topic),
      cause: 'stage-crash',
      detail: '',
      notificationId: notification.id,
      replays: 0,
    }
    await writeRecords(file, [codec.encode(deadLetter({ ...letter, ...why, key, value }), 5)])
    const one = await run(file)
    await one.accept([notification])
    await one.ended(notification.id)
    await one.until(async () => (await one.deadLetters()).length === 1)
    expect(await one.replay('letter')).toBe('replayed')
    await one.until(() => one.calls.length === 2)
    expect(keysOf(one.calls)).toEqual([`${notification.id}.email`, `${notification.id}.email.r1`])
  })

  test('that died before its channels were known goes through the stages anew, and is no twin of itself', async () => {
    const file = newFile()
    const notification = notificationOf({ data: '[]', template: { id: 'gone', version: 1 }, content: null })
    const { id } = notification
    await writeRecords(file, [codec.encode(requested(notification), 5)])
    const one = await run(file)
    const now = new Date().toISOString()
    const message = { subject: null, text: 'Hi', html: null, data: null }
    const template = { id: 'gone', version: 1, locale: 'en', defaults: {}, createdAt: now, updatedAt: now }
    await one.engine.putTemplate('default', { ...template, locales: { en: { email: message } } }, 0)
    const ended = await one.ended(id)
    expect(ended.status).toBe('failed')
    const letters = await one.deadLetters()
    const replays = await Promise.all(letters.map(({ record }) => one.replay(record.id)))
    await one.until(async () => (await one.deadLetters()).length === 2 * letters.length)
    expect(replays).toEqual(letters.map(() => 'replayed'))
  })
})

test('a delivery whose provider is configured no more is kept for a replay', async () => {
  const file = newFile()
  const one = await run(file)
  await one.close()
  const { delivery } = await import('../../../testing/stages/deliver/delivery-sample.js').then(({ sampleRequest }) =>
    sampleRequest({ provider: 'gone', notificationId: 'n-1', id: 'n-1.email' }),
  )
  await writeRecords(file, [codec.encode(routed(delivery), 5)])
  const two = await run(file)
  expect((await two.ended('n-1')).status).toBe('failed')
  await two.until(async () => (await two.deadLetters()).length === 1)
  expect((await two.deadLetters()).map(({ letter }) => letter.cause)).toEqual(['unknown-provider'])
})
