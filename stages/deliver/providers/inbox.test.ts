import { expect, test } from 'vitest'
import { never, sampleRequest } from '../../../testing/stages/deliver/delivery-sample.js'
import { type InboxEntry, inboxProvider } from './inbox.js'

function memoryInbox() {
  const kept = new Map<string, InboxEntry>()
  const put = async (entry: InboxEntry) => {
    if (!kept.has(entry.id)) kept.set(entry.id, entry)
  }
  return { put, list: () => [...kept.values()] }
}

const request = sampleRequest({ id: 'n-1:inapp', channel: 'inapp', address: 'user-42' })

test('a message is delivered once the inbox of its address has it, and a second send leaves one', async () => {
  const store = memoryInbox()
  const provider = inboxProvider(store)
  const results = [await provider.send(request, never), await provider.send({ ...request, attempt: 2 }, never)]
  expect(results).toEqual([{ outcome: 'delivered' }, { outcome: 'delivered' }])
  expect(store.list()).toEqual([
    {
      id: 'n-1:inapp',
      notificationId: 'n-1',
      metadata: '{}',
      tenant: 'default',
      recipient: 'user-42',
      title: 'Hello',
      body: 'Hello Anna',
      acceptedAtMs: 1_700_000_000_000,
    },
  ])
})

test('a store that cannot keep it leaves the delivery to be tried again', async () => {
  const store = { put: () => Promise.reject(new Error('the disk is full')) }
  await expect(inboxProvider(store).send(request, never)).rejects.toThrow('the disk is full')
})
