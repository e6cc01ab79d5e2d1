import { afterEach, expect, it } from 'vitest'
import { notificationStatuses } from '../../schemas/record.js'
import { closeAll, openSocket, refusedWith, serveLive } from '../../testing/ingress/live/live-under-test.js'
import { fakeOptions } from '../../testing/ingress/ports-fake.js'
import { statusesCalled, statusesOfC } from './c-status.js'

afterEach(closeAll)

const at = '2030-01-01T00:00:01.000Z'

it('/ws tells the changes of notifications that came by contract C, in its shape and words', async () => {
  const { url, tell } = await serveLive()
  const { take } = await openSocket(`${url}/ws`)
  tell({ status: 'processing' })
  for (const status of notificationStatuses) tell({ id: `n-${status}`, origin: 'c', status })
  const told = await take(notificationStatuses.length)
  const word = (status: string, called: string) => ({ notification_id: `n-${status}`, status: called, timestamp: at })
  expect(told).toEqual([
    word('accepted', 'pending'),
    word('scheduled', 'scheduled'),
    word('processing', 'processing'),
    word('delivered', 'delivered'),
    word('sent', 'delivered'),
    word('simulated', 'delivered'),
    word('cancelled', 'cancelled'),
    word('expired', 'failed'),
    word('suppressed', 'failed'),
    word('failed', 'failed'),
    word('duplicate', 'failed'),
    word('rejected', 'failed'),
  ])
})

it('/ws is there only where contract C is answered', async () => {
  const { url } = await serveLive({ compat: { ...fakeOptions.compat, c: false } })
  expect(await refusedWith(`${url}/ws`)).toBe(404)
})

it('every status may be called by a word', () => {
  expect(new Set(statusesOfC.flatMap(statusesCalled))).toEqual(new Set(notificationStatuses))
})

it('what waits for another try is still processing there: nothing is told', async () => {
  const { url, tell } = await serveLive()
  const { take } = await openSocket(`${url}/ws`)
  tell({ origin: 'c', status: 'scheduled', waitsAgain: true })
  tell({ origin: 'c', status: 'delivered' })
  expect(await take(1)).toMatchObject([{ status: 'delivered' }])
})
