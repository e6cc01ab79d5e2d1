import { expect, test } from 'vitest'
import type { Message } from '../../schemas/events.js'
import type { Channel } from '../../schemas/streams.js'
import { addressProblem, type ChannelLimits, contentProblem } from './rules.js'

const limits: ChannelLimits = { sms: { segments: 4 }, email: { characters: 10_000 }, push: { bytes: 4096 } }
const empty: Message = { subject: null, text: null, html: null, data: null }
const refused = (channel: Channel, addresses: readonly string[]) =>
  addresses.filter((address) => addressProblem(channel, address) !== null)
const reason = (channel: Channel, message: Partial<Message>) =>
  contentProblem(channel, { ...empty, ...message }, limits)?.reason ?? 'fits'

test('an SMS goes to a number in E.164 format with a country code that exists', () => {
  const good = ['+4915112345678', '+15551234567', '+905551234567', '+1234567890']
  const bad = [
    '015112345678',
    '4915112345678',
    '+49 151 12345678',
    '+999123456789',
    '+123',
    '+4915112345678x5',
    'Anna',
    '',
  ]
  expect(refused('sms', [...good, ...bad])).toEqual(bad)
})

test('an e-mail goes to a mailbox', () => {
  const good = ['a@b', "anna.o'hara+tag@mail.example.com", 'zoë@bücher.example', 'ajay@डाटा.भारत']
  const bad = [
    'anna',
    'a@b@c',
    '@b.c',
    'a@',
    'a b@c.d',
    'a@b..c',
    '.a@b.c',
    'a@-b.c',
    'a\n@b.c',
    'an\u202ena@b.c',
    'anna@b\u200bc.d',
    `${'a'.repeat(65)}@b.c`,
  ]
  expect(refused('email', [...good, ...bad])).toEqual(bad)
})

test('a webhook goes to an http or https URL', () => {
  const good = ['https://hooks.example.com/a?b=c', 'http://127.0.0.1:8080/']
  const bad = ['ftp://example.com', 'javascript:alert(1)', 'example.com', '/path', '']
  expect(refused('webhook', [...good, ...bad])).toEqual(bad)
})

test('an SMS may take four segments, in GSM-7 or UCS-2', () => {
  const texts = ['a'.repeat(612), 'a'.repeat(613), '€'.repeat(304), '€'.repeat(305), 'ю'.repeat(268), 'ю'.repeat(269)]
  expect(texts.map((text) => reason('sms', { text }))).toEqual([
    'fits',
    'too-long',
    'fits',
    'too-long',
    'fits',
    'too-long',
  ])
})

test('an e-mail may have 10,000 characters of text, counted as code points', () => {
  const texts = ['😀'.repeat(10_000), '😀'.repeat(10_001), 'x'.repeat(10_001)]
  expect(texts.map((text) => reason('email', { text }))).toEqual(['fits', 'too-long', 'too-long'])
  expect(reason('email', { html: 'x'.repeat(20_000) })).toBe('fits')
})

test('a push may have 4,096 bytes of payload as JSON', () => {
  const around = JSON.stringify({ title: 'T', body: '', data: {} }).length
  const push = (text: string) => reason('push', { subject: 'T', text, data: '{}' })
  expect([push('x'.repeat(4096 - around)), push('x'.repeat(4097 - around))]).toEqual(['fits', 'too-large'])
  expect(push('ü'.repeat(2048))).toBe('too-large')
})

test('where characters count, an SMS or a push has so many code points, whatever their segments and bytes', () => {
  const characters: ChannelLimits = { ...limits, sms: { characters: 160 }, push: { characters: 4096 } }
  const problem = (channel: Channel, text: string) =>
    contentProblem(channel, { ...empty, subject: 'T'.repeat(5000), text }, characters)
  const joined = 'e\u0301'
  expect([
    problem('sms', '😀'.repeat(160)),
    problem('sms', joined.repeat(80)),
    problem('sms', `${joined.repeat(80)}.`),
    problem('push', '😀'.repeat(4096)),
    problem('push', 'x'.repeat(4097)),
  ]).toEqual([
    null,
    null,
    { reason: 'too-long', detail: 'The text has 161 characters; an SMS may have 160.' },
    null,
    { reason: 'too-long', detail: 'The text has 4097 characters; a push may have 4096.' },
  ])
})

test('a message without content is dropped', () => {
  expect(reason('sms', { subject: 'only a title' })).toBe('no-content')
  expect(reason('sms', { text: '' })).toBe('no-content')
  expect(reason('email', {})).toBe('no-content')
  expect(reason('push', { subject: 'Title' })).toBe('fits')
  expect(reason('webhook', { data: '{}' })).toBe('fits')
})
