import { expect, test } from 'vitest'
import type { DeadLetter } from '../../schemas/events.js'
import { deadLetter } from '../../schemas/outgoing.js'
import { waysOf } from '../../schemas/topics.js'
import { createCodec } from '../engine/codec.js'
import { openSqliteLog } from '../sqlite/log-under-test.js'
import { keepDeadLetters } from './dead-letter-keeper.js'

const codec = createCodec()

function letterOf(number: number): DeadLetter {
  return {
    id: `letter-${number}`,
    tenant: 'default',
    atMs: number,
    stage: 'deliver',
    topic: 'deliveries.released.email.high',
    partition: 0,
    offset: number,
    cause: 'permanent-error',
    detail: '',
    notificationId: 'n-1',
    key: null,
    value: Buffer.from([1, 2, 3]),
    headers: {},
    replays: 0,
  }
}

test('letters reach the shelf, wait while it is away, and are not brought again after a restart', async () => {
  const opened = await openSqliteLog({ partitions: 1, revokeTimeoutMs: 0 })
  const ids: string[] = []
  let away = true
  const shelf = {
    async putAll(letters: readonly DeadLetter[]) {
      if (away) {
        away = false
        throw new Error('as the test wants it')
      }
      ids.push(...letters.map(({ id }) => id))
    },
  }
  const append = (...numbers: number[]) =>
    opened.log.append(numbers.map((number) => codec.encode(deadLetter(letterOf(number)), number)))
  await append(1, 2)
  const first = keepDeadLetters(opened.log, codec, shelf)
  const lag = async () => (await opened.log.lag('dead-letters', waysOf('dead-letters')))[0]?.records
  await opened.until(async () => ids.length === 2 && (await lag()) === 0)
  await first.stop()
  await append(3)
  const second = keepDeadLetters(opened.log, codec, shelf)
  await opened.until(async () => ids.length === 3 && (await lag()) === 0)
  await second.stop()
  expect(ids).toEqual(['letter-1', 'letter-2', 'letter-3'])
  await opened.close()
})

test('while commits fail letters are brought once more at most, and later ones still come', async () => {
  const opened = await openSqliteLog({ partitions: 1, revokeTimeoutMs: 0 })
  const ids: string[] = []
  const putAll = async (letters: readonly DeadLetter[]) => void ids.push(...letters.map(({ id }) => id))
  const keeper = keepDeadLetters(opened.log, codec, { putAll })
  const append = (number: number) => opened.log.append([codec.encode(deadLetter(letterOf(number)), number)])
  await append(1)
  await opened.until(() => ids.length === 1)
  opened.failCommits(true)
  opened.failCommits(false)
  await append(2)
  const lag = async () => (await opened.log.lag('dead-letters', waysOf('dead-letters')))[0]?.records
  await opened.until(async () => ids.length === 2 && (await lag()) === 0)
  await keeper.stop()
  expect(ids).toEqual(['letter-1', 'letter-2'])
  await opened.close()
})
