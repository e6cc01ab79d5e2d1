import avsc from 'avsc'
import { describe, expect, test } from 'vitest'
import { sampleRequest } from '../testing/stages/deliver/delivery-sample.js'
import { readReleased } from './sources.js'
import { decodeStored, encodeStored } from './stored.js'

const attempt = {
  number: 1,
  atMs: 1_900_000_000_000,
  outcome: 'transient',
  error: 'down',
  latencyMs: 3,
  messageId: null,
}
const { delivery } = sampleRequest({
  attempts: [attempt],
  deferrals: 2,
  notBeforeMs: 1_900_000_050_000,
  expiresAtMs: 1_900_000_090_000,
})
const value = { delivery: { ...delivery, retry: { scheduleMs: [5000], giveUpAfterMs: null }, triedFromMs: 7 } }
const versions = readReleased().filter(({ event }) => event === 'delivery-routed')

test('an event comes back as it was kept', () => {
  expect(decodeStored('delivery-routed', encodeStored('delivery-routed', value))).toEqual(value)
})

describe('what an earlier release kept is read, with null for what that did not know', () => {
  test.each(versions.slice(0, -1).map(({ id, text }) => [id, text] as const))('bare, by the schema %i', (_, text) => {
    const type = avsc.Type.forSchema(JSON.parse(text), { wrapUnions: false })
    const read = decodeStored('delivery-routed', type.toBuffer(value))
    const known = Object.keys((type.fromBuffer(type.toBuffer(value)) as { delivery: object }).delivery)
    const unknown = Object.keys(delivery).filter((key) => !known.includes(key))
    expect(unknown).toContain('triedFromMs')
    expect(read.delivery).toMatchObject({ id: delivery.id, deferrals: 2, notBeforeMs: 1_900_000_050_000, retry: null })
    expect(read.delivery.attempts.map(({ number, error }) => [number, error])).toEqual([[1, 'down']])
    expect(read.delivery.triedFromMs).toBeNull()
  })

  test('behind its id', () => {
    const older = versions.at(-2)
    if (!older) throw new Error('There is one release only')
    const type = avsc.Type.forSchema(JSON.parse(older.text), { wrapUnions: false })
    const header = Buffer.alloc(5)
    header.writeUInt32BE(older.id, 1)
    const read = decodeStored('delivery-routed', Buffer.concat([header, type.toBuffer(value)]))
    expect(read.delivery.id).toBe(delivery.id)
  })
})

test('what no release can have written says so', () => {
  const whole = encodeStored('delivery-routed', value)
  for (const bytes of [
    Buffer.from('nonsense'),
    whole.subarray(0, 4),
    whole.subarray(0, 40),
    Buffer.from([0, 0, 0, 0, 1, 2]),
  ]) {
    expect(() => decodeStored('delivery-routed', bytes)).toThrow()
  }
})
