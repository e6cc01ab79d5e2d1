import { expect, test } from 'vitest'
import { never, sampleRequest } from '../../../testing/stages/deliver/delivery-sample.js'
import { type OutboxEntry, type OutboxLine, outboxProvider } from './outbox.js'

const request = sampleRequest({ id: 'n-1:sms', channel: 'sms', address: '+4915112345678' })

test('it keeps the whole message and says that nothing was sent, without content or address', async () => {
  const kept: OutboxEntry[] = []
  const said: OutboxLine[] = []
  const store = { put: async (entry: OutboxEntry) => void kept.push(entry) }
  const provider = outboxProvider({ store, announce: (line) => said.push(line), nowMs: () => 1_700_000_000_500 })
  const result = await provider.send(request, never)
  expect(result).toEqual({ outcome: 'sent', detail: 'kept in the outbox; nothing was sent' })
  expect(kept).toEqual([
    {
      id: 'n-1:sms',
      notificationId: 'n-1',
      tenant: 'default',
      channel: 'sms',
      address: '+4915112345678',
      message: { subject: 'Hello', text: 'Hello Anna', html: null, data: null },
      keptAtMs: 1_700_000_000_500,
    },
  ])
  const note = 'kept in the outbox; nothing was sent'
  expect(said).toEqual([{ deliveryId: 'n-1:sms', channel: 'sms', note, traceparent: null }])
})

test('what could not be kept is not announced, and is left to be tried again', async () => {
  const said: OutboxLine[] = []
  const store = { put: () => Promise.reject(new Error('the disk is full')) }
  const provider = outboxProvider({ store, announce: (line) => said.push(line), nowMs: () => 0 })
  await expect(provider.send(request, never)).rejects.toThrow('the disk is full')
  expect(said).toEqual([])
})
