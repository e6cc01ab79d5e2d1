import { EventEmitter } from 'node:events'
import type { KafkaConsumer } from 'node-rdkafka'
import { expect, test } from 'vitest'
import type { Clients } from './clients.js'
import { openOldestRecords } from './oldest-records.js'

interface Call {
  readonly ends?: readonly (readonly [partition: number, offset: number])[]
  readonly messages?: readonly (readonly [partition: number, offset: number])[]
}

/** A consumer whose calls bring these, ends first, as node-rdkafka tells them. */
function scripted(calls: readonly Call[]) {
  const left = [...calls]
  const released: number[][] = []
  const consumer = Object.assign(new EventEmitter(), {
    assign: () => undefined,
    unassign: () => undefined,
    incrementalUnassign: (places: readonly { partition: number }[]) =>
      released.push(places.map(({ partition }) => partition)),
    isConnected: () => false,
    consume(_: number, done: (error: null, messages: readonly object[]) => void) {
      const { ends = [], messages = [] } = left.shift() ?? {}
      for (const [partition, offset] of ends) consumer.emit('partition.eof', { topic: 't', partition, offset })
      done(
        null,
        messages.map(([partition, offset]) => ({ topic: 't', partition, offset, timestamp: 100 * partition + offset })),
      )
    },
  })
  const clients: Pick<Clients, 'reader'> = { reader: async () => consumer as unknown as KafkaConsumer }
  return { clients: clients as Clients, released }
}

const place = (partition: number, offset: number) => ({ topic: 't', partition, offset })
const patienceMs = 60_000

test('the first record of each partition counts, also where the partition’s end is told before it', async () => {
  const { clients, released } = scripted([
    {
      ends: [[0, 9]],
      messages: [
        [0, 5],
        [0, 6],
      ],
    },
    { ends: [[1, 4]] },
    { messages: [[2, 8]], ends: [[2, 9]] },
  ])
  const oldest = await openOldestRecords(clients, 'group')
  expect(await oldest.read([place(0, 3), place(1, 4), place(2, 8)], patienceMs)).toEqual(
    new Map([
      ['t-0', { kind: 'record', offset: 5, writtenMs: 5 }],
      ['t-1', { kind: 'none', until: 4 }],
      ['t-2', { kind: 'record', offset: 8, writtenMs: 208 }],
    ]),
  )
  expect(released).toEqual([[0], [1], [2]])
})

test('what does not come in time is not told, and what comes late answers no later question', async () => {
  const { clients } = scripted([{ messages: [[0, 5]] }, { ends: [[1, 2]] }, { messages: [[1, 7]] }])
  const oldest = await openOldestRecords(clients, 'group')
  expect(await oldest.read([place(0, 5), place(1, 1)], 0)).toEqual(new Map())
  expect(await oldest.read([place(1, 6)], patienceMs)).toEqual(
    new Map([['t-1', { kind: 'record', offset: 7, writtenMs: 107 }]]),
  )
})
