import { describe, expect, it } from 'vitest'
import type { NotificationRecord } from '../schemas/record.js'
import { createFakePorts } from '../testing/ingress/ports-fake.js'
import { testClient } from '../testing/ingress/test-client.js'
import { createRecordWaits, type RecordWait } from './record-waits.js'

/** Looking again would hide a change that was missed: here it comes only after hours. */
const never = { firstMs: 10_000_000, mostMs: 10_000_000 }

const isSent = (record: NotificationRecord | undefined) => record?.status === 'sent'

async function sentOne() {
  const { fake, post } = testClient()
  const { body } = await post('/v1/notifications', { to: 'a', content: { body: 'x' } })
  const { id } = body as { id: string }
  const wait: RecordWait = { tenant: 'default', id, timeoutMs: 60_000, isDone: isSent }
  return { fake, id, wait }
}

describe('a wait for a record', () => {
  it('ends with the change that it waits for', async () => {
    const { fake, id, wait } = await sentOne()
    const waiting = createRecordWaits(fake.records, never).wait(wait)
    await new Promise((resolve) => setImmediate(resolve))
    fake.record(id, { status: 'processing' })
    fake.record(id, { status: 'sent' })
    expect(await waiting).toMatchObject({ id, status: 'sent' })
  })

  it('misses no change that comes right after its look', async () => {
    const { fake, id, wait } = await sentOne()
    let looks = 0
    const get = async (tenant: string, wanted: string) => {
      const found = await fake.records.get(tenant, wanted)
      if (++looks === 1) fake.record(id, { status: 'sent' })
      return found
    }
    const waits = createRecordWaits({ ...fake.records, get }, never)
    expect(await waits.wait(wait)).toMatchObject({ status: 'sent' })
    expect(looks).toBe(2)
  })

  it('misses no change that its own beginning causes', async () => {
    const { fake, id, wait } = await sentOne()
    const waits = createRecordWaits(fake.records, never)
    const begin = async () => fake.record(id, { status: 'sent' })
    expect(await waits.wait({ ...wait, begin })).toMatchObject({ status: 'sent' })
  })

  it('finds a change by itself that nobody tells', async () => {
    const { fake, id, wait } = await sentOne()
    const waits = createRecordWaits({ ...fake.records, watch: () => () => {} }, { firstMs: 1, mostMs: 2 })
    const waiting = waits.wait(wait)
    await new Promise((resolve) => setImmediate(resolve))
    fake.record(id, { status: 'sent' })
    expect(await waiting).toMatchObject({ status: 'sent' })
  })

  it('shares one watch with all others and leaves none behind', async () => {
    const { fake, id, wait } = await sentOne()
    const waits = createRecordWaits(fake.records, never)
    const all = Promise.all([waits.wait(wait), waits.wait(wait), waits.wait({ ...wait, timeoutMs: 1 })])
    expect(fake.watchers).toBe(1)
    await new Promise((resolve) => setImmediate(resolve))
    fake.record(id, { status: 'sent' })
    await all
    expect(fake.watchers).toBe(0)
  })

  it('watches nothing when it may not wait, and lets go when the store fails', async () => {
    const fake = createFakePorts()
    const waits = createRecordWaits(fake.records, never)
    const wait = { tenant: 'default', id: 'none', timeoutMs: 0, isDone: isSent }
    expect(await waits.wait(wait)).toBeUndefined()
    fake.failure = new Error('away')
    await expect(waits.wait({ ...wait, timeoutMs: 60_000 })).rejects.toThrow('away')
    expect(fake.watchers).toBe(0)
  })
})
