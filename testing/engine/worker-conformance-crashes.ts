/** What a worker promises when something fails: it starts again, loses nothing, repeats nothing, and gives up only the
 *  record that is at fault. */
import { concatMap } from 'rxjs'
import { expect, test } from 'vitest'
import type { NewRecord } from '../../pipeline/engine/log.js'
import { type LogUnderTest, readerLag } from './log-under-test.js'
import {
  type ForwardingStage,
  forwarded,
  forwardingStage,
  idsOf,
  notificationRecords,
  watchResults,
  type work,
} from './worker-under-test.js'

export function describeCrashes(open: () => Promise<LogUnderTest>, start: typeof work): void {
  test.each(unreadable())(
    'a record with %s goes to dead-letters as it is, and its partition goes on',
    async (cause, value) => {
      const opened = await open()
      const results = watchResults(opened)
      const [before, bad, after] = oneRecipient(3)
      if (!before || !bad || !after) throw new Error('Three records are needed')
      const broken = { ...bad, value, headers: { traceparent: 'kept' } }
      await opened.log.append([before, broken, after])
      start(opened, forwardingStage())
      await opened.until(() => results.accepted.length === 2 && results.deadLetters.length === 1)
      expect(results.accepted).toEqual(['0', '16'])
      const [letter] = results.deadLetters
      expect({
        ...letter,
        key: bytesOf(letter?.key),
        value: bytesOf(letter?.value),
        detail: typeof letter?.detail,
      }).toEqual({
        id: `notifications.requested.normal-${letter?.partition}-1-dedupe`,
        tenant: 'default',
        atMs: letter?.atMs,
        stage: 'dedupe',
        topic: 'notifications.requested.normal',
        partition: letter?.partition,
        offset: 1,
        cause,
        detail: 'string',
        notificationId: null,
        key: bytesOf(bad.key),
        value: bytesOf(value),
        headers: { traceparent: 'kept' },
        replays: 0,
      })
      expect(await readerLag(opened)).toBe(0)
    },
  )

  test('a record that the stage gives up goes to dead-letters with its bytes and cause', async () => {
    const opened = await open()
    const results = watchResults(opened)
    const records = notificationRecords(20)
    await opened.log.append(records)
    start(opened, refusing('7'))
    await opened.until(() => results.accepted.length === 19 && results.deadLetters.length === 1)
    const told = results.deadLetters.map(({ cause, notificationId, value }) => [cause, notificationId, bytesOf(value)])
    expect(told).toEqual([['refused', '7', bytesOf(records[7]?.value)]])
  })

  test('a stage that throws now and then is started again, and nothing is lost or done twice', async () => {
    const opened = await open()
    const results = watchResults(opened)
    await opened.log.append(notificationRecords(200))
    const thrown = new Set<string>()
    const worker = start(
      opened,
      forwardingStage((id) => {
        if (Number(id) % 50 !== 0 || thrown.has(id)) return
        thrown.add(id)
        throw new Error(`once on ${id}`)
      }),
    )
    await opened.until(() => results.accepted.length >= 200)
    expect([...results.accepted].sort()).toEqual(idsOf(200))
    expect([worker.restarts(), results.deadLetters]).toEqual([4, []])
  })

  test('a record that crashes the stage again and again is given up, alone', async () => {
    const opened = await open()
    const results = watchResults(opened)
    const records = notificationRecords(200)
    await opened.log.append(records)
    const worker = start(opened, throwingOn('123'), { crashesAllowed: 3 })
    await opened.until(() => results.accepted.length >= 199 && results.deadLetters.length > 0)
    expect([...results.accepted].sort()).toEqual(idsOf(200).filter((id) => id !== '123'))
    const told = results.deadLetters.map(({ notificationId, value }) => [notificationId, bytesOf(value)])
    expect(told).toEqual([['123', bytesOf(records[123]?.value)]])
    expect([worker.restarts(), await readerLag(opened)]).toEqual([3, 0])
  })

  test('so is one that breaks the stream of the stage without being named', async () => {
    const opened = await open()
    const results = watchResults(opened)
    await opened.log.append(notificationRecords(120))
    start(opened, breakingOn('77'))
    await opened.until(() => results.accepted.length >= 119 && results.deadLetters.length > 0)
    expect([...results.accepted].sort()).toEqual(idsOf(120).filter((id) => id !== '77'))
    expect(results.deadLetters.map(({ notificationId }) => notificationId)).toEqual(['77'])
  })

  test('what a crashed stage had written to its state and not committed is forgotten', async () => {
    const opened = await open()
    const results = watchResults(opened)
    let crashed = false
    const counts: number[] = []
    await opened.log.append(oneRecipient(10))
    start(
      opened,
      forwardingStage((id, { state }) => {
        const count = (state.get('count')?.[0] ?? 0) + 1
        state.put('count', Uint8Array.of(count), null)
        if (id === '40' && !crashed) {
          crashed = true
          throw new Error('after writing')
        }
        if (crashed) counts.push(count)
      }),
      { batch: 10 },
    )
    await opened.until(() => results.accepted.length === 10)
    expect(counts).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })

  test('a log that refuses commits for a while delays everything and loses nothing', async () => {
    const opened = await open()
    const results = watchResults(opened)
    const worker = start(opened, forwardingStage())
    opened.failCommits(true)
    await opened.log.append(notificationRecords(100)).catch(async () => {
      // A log whose appends fail too takes them afterwards.
      opened.failCommits(false)
      await opened.log.append(notificationRecords(100))
      opened.failCommits(true)
    })
    await opened.until(() => worker.restarts() > 0)
    opened.failCommits(false)
    await opened.until(() => results.accepted.length >= 100)
    expect([...results.accepted].sort()).toEqual(idsOf(100))
    expect(results.deadLetters).toEqual([])
  })
}

function unreadable(): [string, Uint8Array | null][] {
  const whole = notificationRecords(1)[0]?.value ?? Buffer.alloc(0)
  const foreignId = Buffer.from(whole)
  foreignId.writeUInt32BE(4_000_000_000, 1)
  return [
    ['tombstone', null],
    ['not-avro', Buffer.from('{"hello": "there"}')],
    ['unknown-schema', foreignId],
    ['truncated', whole.subarray(0, whole.length - 20)],
    ['truncated', Buffer.concat([whole, Buffer.from('more')])],
  ]
}

/** Requests of the same recipient, so of the same partition. */
function oneRecipient(count: number): NewRecord[] {
  return notificationRecords(count * 8).filter((_, index) => index % 8 === 0)
}

function throwingOn(bad: string): ForwardingStage {
  return forwardingStage((id) => {
    if (id === bad) throw new Error('this one, always')
  })
}

function refusing(bad: string): ForwardingStage {
  return {
    ...forwardingStage(),
    operator: (context) => (batches) =>
      batches.pipe(
        concatMap(async ({ records }) => ({
          acked: records,
          outputs: records
            .filter(({ value }) => 'priority' in value && value.id !== bad)
            .flatMap((record) => forwarded(record).outputs),
          changes: context.takeChanges(),
          drops: [],
          deadLetters: records
            .filter(({ value }) => value.id === bad)
            .map((record) => ({ record, cause: 'refused', detail: 'by the test' })),
        })),
      ),
  }
}

/** Fails outside any function of one record, as a stage with work of its own under way may. */
function breakingOn(bad: string): ForwardingStage {
  const stage = forwardingStage()
  return {
    ...stage,
    operator: (context) => (batches) =>
      batches.pipe(
        concatMap(async (batch) => {
          await Promise.resolve()
          if (batch.records.some(({ value }) => value.id === bad)) throw new Error('somewhere in this batch')
          return batch
        }),
        stage.operator(context),
      ),
  }
}

function bytesOf(bytes: Uint8Array | null | undefined): string | null {
  return bytes ? Buffer.from(bytes).toString('hex') : null
}
