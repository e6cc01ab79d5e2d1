import { asyncScheduler, finalize } from 'rxjs'
import { afterEach, expect, it } from 'vitest'
import { changed } from '../../../schemas/outgoing.js'
import type { Change } from '../../../schemas/record.js'
import { topicOf } from '../../../schemas/streams.js'
import { createCodec } from '../../engine/codec.js'
import type { NewRecord } from '../../engine/log.js'
import { memoryLog } from '../../logs/memory/log.js'
import { type ChangeFeed, changeFeed } from './change-feed.js'

const codec = createCodec()
const feeds: ChangeFeed[] = []
afterEach(() => {
  for (const feed of feeds.splice(0)) feed.close()
})

/** A feed on a log of its own, how often the log was begun to read, and what writes a change to it. */
function underTest(lingerMs: number) {
  const log = memoryLog({ partitions: 2, clock: asyncScheduler })
  const reads = { begun: 0, open: 0 }
  const tail: typeof log.tail = (topic, options) => {
    reads.begun += 1
    reads.open += 1
    return log.tail(topic, options).pipe(
      finalize(() => {
        reads.open -= 1
      }),
    )
  }
  const feed = changeFeed({ tail }, codec, lingerMs)
  feeds.push(feed)
  const write = (...numbers: number[]) => log.append(numbers.map(recordOf))
  const watch = () => {
    const seen: string[] = []
    const end = feed.watch(
      ({ id }: Change) => seen.push(id),
      () => seen.push('ready'),
    )
    return { seen, end }
  }
  return { log, reads, write, watch, feed }
}

function recordOf(number: number): NewRecord {
  const flags = { inbox: false, waitsAgain: false }
  const value = { notificationId: `n-${number}`, tenant: 'default', recipient: 'user-42', ...flags, origin: 'c' }
  return codec.encode(changed({ ...value, status: 'sent', atMs: 1_900_000_000_000 }), 0)
}

const ack = () => new Promise((resolve) => setImmediate(resolve))

it('tells every watcher what is written from the moment on that it is ready, in one reading', async () => {
  const { reads, write, watch, feed } = underTest(60_000)
  await write(1)
  const first = watch()
  expect(first.seen).toEqual(['ready'])
  await write(2)
  await ack()
  const second = watch()
  const shown: Change[] = []
  feed.watch((change) => shown.push(change))
  await write(3)
  await ack()
  expect([first.seen, second.seen, reads.begun]).toEqual([['ready', 'n-2', 'n-3'], ['ready', 'n-3'], 1])
  const at = new Date(1_900_000_000_000).toISOString()
  expect(shown).toEqual([
    { id: 'n-3', recipient: 'user-42', origin: 'c', status: 'sent', inbox: false, waitsAgain: false, at },
  ])
})

it('reads on for a while after the last watcher, then stops, and begins anew at the end', async () => {
  const { reads, write, watch } = underTest(1)
  const first = watch()
  first.end()
  const second = watch()
  expect(reads).toEqual({ begun: 1, open: 1 })
  second.end()
  while (reads.open > 0) await ack()
  await write(1)
  const third = watch()
  await write(2)
  await ack()
  expect([first.seen, second.seen, third.seen, reads.begun]).toEqual([['ready'], ['ready'], ['ready', 'n-2'], 2])
})

it('passes over what cannot be read', async () => {
  const { log, write, watch } = underTest(60_000)
  const { seen } = watch()
  const topic = topicOf('notifications.changed', null, null)
  await log.append([
    { topic, key: Buffer.from('default/user-42'), value: Buffer.from('?'), headers: {}, timestampMs: 0 },
  ])
  await write(1)
  await ack()
  expect(seen).toEqual(['ready', 'n-1'])
})
