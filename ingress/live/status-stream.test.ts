import { expect, it } from 'vitest'
import type { Change, NotificationRecord, NotificationState } from '../../schemas/record.js'
import { changeOf } from '../../testing/ingress/live/live-under-test.js'
import { createFakePorts } from '../../testing/ingress/ports-fake.js'
import { createChanges } from './changes.js'
import { openStatusStream } from './status-stream.js'

const at = (ms: number) => new Date(Date.UTC(2030, 0, 1) + ms).toISOString()

/** A stream of n-1 whose record is read when the test says so, and what it told. */
async function begin(status: NotificationState, updatedAt: string) {
  const { records: fake } = createFakePorts()
  let tell: (change: Change) => void = () => undefined
  let answer: () => void = () => undefined
  const record = { id: 'n-1', recipient: 'user-42', status, updatedAt } as NotificationRecord
  const records = {
    ...fake,
    watch: (onChange: typeof tell, onReady?: () => void) => {
      tell = onChange
      onReady?.()
      return () => undefined
    },
    get: () =>
      new Promise<NotificationRecord>((resolve) => {
        answer = () => resolve(record)
      }),
  }
  const told: string[] = []
  const reader = { tell: (change: { status: string }) => told.push(change.status), missed: () => told.push('missed') }
  const parts = { changes: createChanges(records), records, tenant: 'default' }
  const stream = await openStatusStream(parts, { notification: 'n-1' }, reader)
  const begun = stream.begin()
  const meanwhile = async (...changes: Partial<Change>[]) => {
    for (const change of changes) tell(changeOf(change))
    await new Promise((resolve) => setImmediate(resolve))
  }
  const read = async () => {
    answer()
    await begun
  }
  return { told, meanwhile, read }
}

it('what happens while the record is read is told after it, where it is not in it', async () => {
  const { told, meanwhile, read } = await begin('processing', at(50))
  await meanwhile(
    { status: 'accepted', at: at(10) },
    { status: 'processing', at: at(50) },
    { status: 'delivered', at: at(50) },
    { status: 'delivered', at: at(60) },
  )
  await read()
  expect(told).toEqual(['processing', 'delivered', 'delivered'])
  await meanwhile({ status: 'failed', at: at(5) })
  expect(told).toEqual(['processing', 'delivered', 'delivered', 'failed'])
})
