import { expect, test } from 'vitest'
import type { Candidate, Message } from '../../schemas/events.js'
import type { Channel } from '../../schemas/streams.js'
import { decideRoutes, type RouteFacts, type RouteProvider } from './decision.js'

const message: Message = { subject: null, text: 'Hello', html: null, data: null }
const says = (channel: string, changes: Partial<Candidate> = {}): Candidate => {
  return { channel, message, reason: null, detail: null, ...changes }
}
const all = (provider: RouteProvider): Record<Channel, RouteProvider> => {
  return { email: provider, sms: provider, push: provider, inapp: provider, webhook: provider, slack: provider }
}
const real = all({ name: 'real', takesAnyAddress: false })
const outbox = all({ name: 'outbox', takesAnyAddress: true })

function facts(changes: Partial<RouteFacts>): RouteFacts {
  return {
    recipient: 'user-42',
    addresses: { email: 'anna@example.com', inapp: 'user-42' },
    furtherAddresses: null,
    preferences: null,
    candidates: [says('email')],
    providers: real,
    limits: { sms: { segments: 4 }, email: { characters: 10_000 }, push: { bytes: 4096 } },
    ...changes,
  }
}

const reasons = (changes: Partial<RouteFacts>) => {
  const { routes, dropped } = decideRoutes(facts(changes))
  return {
    routes: routes.map(({ channel, provider, address }) => `${channel} ${provider} ${address}`),
    dropped: dropped.map(({ channel, status, reason }) => `${channel} ${status} ${reason}`),
  }
}

test('a muted recipient gets nothing', () => {
  const preferences = { channels: { email: true }, muted: true }
  expect(reasons({ preferences, candidates: [says('email'), says('sms')] })).toEqual({
    routes: [],
    dropped: ['email suppressed preference', 'sms suppressed preference'],
  })
})

test('a channel that is not named in the preferences is wanted', () => {
  const preferences = { channels: { inapp: false }, muted: false }
  expect(reasons({ preferences, candidates: [says('email'), says('inapp')] })).toEqual({
    routes: ['email real anna@example.com'],
    dropped: ['inapp suppressed preference'],
  })
})

test('a channel that could not be rendered keeps the reason', () => {
  const failed = says('email', { message: null, reason: 'missing-variable', detail: 'The variable "x" is missing.' })
  expect(decideRoutes(facts({ candidates: [failed] }))).toEqual({
    routes: [],
    dropped: [
      {
        channel: 'email',
        address: null,
        status: 'failed',
        reason: 'missing-variable',
        detail: 'The variable "x" is missing.',
      },
    ],
  })
})

test('a channel without an address is dropped, unless its provider takes any', () => {
  const candidates = [says('sms'), says('webhook')]
  expect(reasons({ candidates })).toEqual({
    routes: [],
    dropped: ['sms failed no-address', 'webhook failed no-address'],
  })
  expect(reasons({ candidates, providers: outbox })).toEqual({
    routes: ['sms outbox user-42', 'webhook outbox user-42'],
    dropped: [],
  })
})

test('a channel keeps its rules for addresses and content without a provider too', () => {
  const addresses = { sms: '0151 1234567' }
  const long = { ...message, text: 'x'.repeat(10_001) }
  const candidates = [says('sms'), says('email', { message: long })]
  expect(reasons({ addresses, candidates, providers: outbox })).toEqual({
    routes: [],
    dropped: ['sms failed invalid-address', 'email failed too-long'],
  })
})

test('a channel that does not exist is dropped', () => {
  expect(reasons({ candidates: [says('pigeon'), says('constructor')] })).toEqual({
    routes: [],
    dropped: ['pigeon failed unknown-channel', 'constructor failed unknown-channel'],
  })
})

test('a channel with several addresses is routed to each once, and what it cannot carry is dropped once', () => {
  const addresses = { push: 'phone', sms: '+4915112345678' }
  const furtherAddresses = { push: ['tablet', 'phone'], sms: ['0151 1'] }
  const candidates = [says('push'), says('sms')]
  expect(reasons({ addresses, furtherAddresses, candidates })).toEqual({
    routes: ['push real phone', 'push real tablet', 'sms real +4915112345678'],
    dropped: ['sms failed invalid-address'],
  })
  const large = says('push', { message: { ...message, text: 'x'.repeat(5000) } })
  expect(reasons({ addresses, furtherAddresses, candidates: [large] })).toEqual({
    routes: [],
    dropped: ['push failed too-large'],
  })
})
