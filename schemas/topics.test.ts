import { expect, test } from 'vitest'
import { recipientKey } from './outgoing.js'
import { channels, lanes, topicEvents, topicNames, topics, wayName, wayNamed, waysOf, wayTo } from './topics.js'

const everyWay = topicNames().flatMap(waysOf)

test('a way’s name leads back to the way, and to no other', () => {
  expect(everyWay.map((way) => wayNamed(wayName(way)))).toEqual(everyWay)
  expect(new Set(everyWay.map(wayName)).size).toBe(everyWay.length)
})

test('there is one object for each way, and none for a way that its topic does not have', () => {
  const found = everyWay.map(({ topic, lane, channel }) => wayTo(topic, lane, channel))
  expect(found.every((way, index) => way === everyWay[index])).toBe(true)
  expect(everyWay.every((way) => wayNamed(wayName(way)) === way)).toBe(true)
  expect(() => wayTo('notifications.status', 'high', null)).toThrow(RangeError)
  expect(() => wayTo('deliveries.released', 'high', null)).toThrow(RangeError)
})

test('names are those of the outside contract', () => {
  const names = [
    { topic: 'notifications.requested', lane: 'high', channel: null } as const,
    { topic: 'deliveries.released', lane: 'low', channel: 'sms' } as const,
    { topic: 'notifications.status', lane: null, channel: null } as const,
  ].map(wayName)
  expect(names).toEqual(['notifications.requested.high', 'deliveries.released.sms.low', 'notifications.status'])
})

test('a foreign name stands for no way', () => {
  const foreign = [
    '',
    'notifications.requested',
    'notifications.requested.urgent',
    'notifications.status.high',
    'toString',
  ]
  expect(foreign.map(wayNamed)).toEqual(foreign.map(() => undefined))
})

test('every topic from requested to released is keyed by recipient, has lanes, and alone they have them', () => {
  const keyedByRecipient = topicNames().filter((name) => topics[name].key === 'recipient')
  const withLanes = topicNames().filter((name) => topics[name].lanes)
  const flow = [
    'notifications.requested',
    'notifications.accepted',
    'notifications.rendered',
    'deliveries.routed',
    'deliveries.released',
  ]
  expect([keyedByRecipient, withLanes]).toEqual([flow, flow])
})

test('ways come high lanes first, and only released has one for each channel', () => {
  const lanesOf = (topic: (typeof everyWay)[number]['topic']) => waysOf(topic).map(({ lane }) => lane)
  expect(lanesOf('notifications.rendered')).toEqual([...lanes])
  expect(lanesOf('dead-letters')).toEqual([null])
  expect(lanesOf('deliveries.released')).toEqual(lanes.flatMap((lane) => channels.map(() => lane)))
  expect(waysOf('deliveries.released').map(({ channel }) => channel)).toEqual(lanes.flatMap(() => channels))
})

test('every event of the flow is told once', () => {
  const events = topicEvents()
  expect([...new Set(events)]).toEqual(events)
  expect(events.slice(0, 3)).toEqual(['notification-inbound', 'notification-requested', 'cancel-requested'])
})

test('the recipient’s key holds the tenant, so that tenants do not share an order', () => {
  expect(recipientKey('default', 'user-42')).toBe('default/user-42')
})
