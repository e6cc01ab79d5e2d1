import { expect, test } from 'vitest'
import { recipientKey } from './outgoing.js'
import {
  channels,
  lanes,
  streamEvents,
  streamNames,
  streams,
  topicName,
  topicNamed,
  topicOf,
  topicsOf,
} from './streams.js'

const everyTopic = streamNames().flatMap(topicsOf)

test('a way’s name leads back to the way, and to no other', () => {
  expect(everyTopic.map((topic) => topicNamed(topicName(topic)))).toEqual(everyTopic)
  expect(new Set(everyTopic.map(topicName)).size).toBe(everyTopic.length)
})

test('there is one object for each way, and none for a way that its topic does not have', () => {
  const found = everyTopic.map(({ stream, lane, channel }) => topicOf(stream, lane, channel))
  expect(found.every((topic, index) => topic === everyTopic[index])).toBe(true)
  expect(everyTopic.every((topic) => topicNamed(topicName(topic)) === topic)).toBe(true)
  expect(() => topicOf('notifications.status', 'high', null)).toThrow(RangeError)
  expect(() => topicOf('deliveries.released', 'high', null)).toThrow(RangeError)
})

test('names are those of the outside contract', () => {
  const names = [
    { stream: 'notifications.requested', lane: 'high', channel: null } as const,
    { stream: 'deliveries.released', lane: 'low', channel: 'sms' } as const,
    { stream: 'notifications.status', lane: null, channel: null } as const,
  ].map(topicName)
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
  expect(foreign.map(topicNamed)).toEqual(foreign.map(() => undefined))
})

test('every topic from requested to released is keyed by recipient, has lanes, and alone they have them', () => {
  const keyedByRecipient = streamNames().filter((name) => streams[name].key === 'recipient')
  const withLanes = streamNames().filter((name) => streams[name].lanes)
  const flow = [
    'notifications.requested',
    'notifications.accepted',
    'notifications.rendered',
    'deliveries.routed',
    'deliveries.released',
  ]
  expect([keyedByRecipient, withLanes]).toEqual([flow, flow])
})

test('topics come high lanes first, and only released has one for each channel', () => {
  const lanesOf = (stream: (typeof everyTopic)[number]['stream']) => topicsOf(stream).map(({ lane }) => lane)
  expect(lanesOf('notifications.rendered')).toEqual([...lanes])
  expect(lanesOf('dead-letters')).toEqual([null])
  expect(lanesOf('deliveries.released')).toEqual(lanes.flatMap((lane) => channels.map(() => lane)))
  expect(topicsOf('deliveries.released').map(({ channel }) => channel)).toEqual(lanes.flatMap(() => channels))
})

test('every event of the flow is told once', () => {
  const events = streamEvents()
  expect([...new Set(events)]).toEqual(events)
  expect(events.slice(0, 3)).toEqual(['notification-inbound', 'notification-requested', 'cancel-requested'])
})

test('the recipient’s key holds the tenant, so that tenants do not share an order', () => {
  expect(recipientKey('default', 'user-42')).toBe('default/user-42')
})
