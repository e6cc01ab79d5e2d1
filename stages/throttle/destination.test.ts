import { expect, test } from 'vitest'
import { sampleRequest } from '../../testing/stages/deliver/delivery-sample.js'
import { destinationTo, parseDestination } from './destination.js'

const { delivery } = sampleRequest({ provider: 'http', channel: 'sms' })

test('a destination is known by its name', () => {
  const destinations = [
    destinationTo(delivery, null, null),
    destinationTo(delivery, 'sms', null),
    destinationTo(delivery, 'sms', 'c'),
    destinationTo(delivery, null, 'c'),
  ]
  expect(destinations.map(({ name }) => parseDestination(name))).toEqual(destinations)
  expect(new Set(destinations.map(({ name }) => name)).size).toBe(destinations.length)
})

test('a name from before there were pace classes is read as one of none', () => {
  expect(parseDestination('webhook webhook host:443')).toEqual({
    name: 'webhook webhook host:443',
    provider: 'webhook',
    channel: 'webhook',
    part: 'host:443',
    pace: null,
  })
  expect(parseDestination('http sms ')).toMatchObject({ provider: 'http', channel: 'sms', part: null, pace: null })
})
