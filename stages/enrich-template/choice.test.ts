import { expect, test } from 'vitest'
import type { Address, Message } from '../../schemas/events.js'
import type { KnownRecipient, TemplateVersion } from '../../schemas/template.js'
import { candidateChannels, contentFor, messageIn, reachOf } from './choice.js'

const nowhere: Address = { id: 'u', email: null, phone: null, device: null, webhook: null, slack: null }
const words: Message = { subject: null, text: 'x', html: null, data: null }
const stored: KnownRecipient = { id: 'u', webhook: 'https://x.example', slack: 'U1', createdAt: '', updatedAt: '' }

function template(locales: Record<string, readonly string[]>, locale = 'en'): TemplateVersion {
  const bodies = Object.entries(locales).map(([tag, channels]) => {
    return [tag, Object.fromEntries(channels.map((channel) => [channel, { ...words, text: `${tag} ${channel}` }]))]
  })
  return {
    id: 't',
    version: 1,
    locale,
    locales: Object.fromEntries(bodies),
    defaults: {},
    createdAt: '',
    updatedAt: '',
  }
}

test('channels come from the first that names any: request, template, content, addresses, recipient, inbox', () => {
  const asked = ['webhook', 'sms', 'webhook']
  const content = { sms: words, email: words, '*': words }
  const to = { ...nowhere, device: 't', email: 'a@b.c' }
  const known = template({ en: ['push'], de: ['email'] })
  const anyContent = { '*': words }
  expect([
    candidateChannels({ channels: asked, content, to }, known, stored),
    candidateChannels({ channels: [], content, to }, known, stored),
    candidateChannels({ channels: null, content, to }, undefined, stored),
    candidateChannels({ channels: null, content: anyContent, to }, undefined, stored),
    candidateChannels({ channels: null, content: anyContent, to: nowhere }, undefined, stored),
    candidateChannels({ channels: null, content: anyContent, to: nowhere }, undefined, undefined),
  ]).toEqual([
    ['webhook', 'sms'],
    ['email', 'push'],
    ['email', 'sms'],
    ['email', 'push'],
    ['webhook', 'slack'],
    ['inapp'],
  ])
})

test('content for a channel goes before content for any', () => {
  const own = { ...words, text: 'own' }
  expect(contentFor({ sms: own, '*': words }, 'sms')).toBe(own)
  expect(contentFor({ sms: own, '*': words }, 'email')).toBe(words)
  expect(contentFor({ sms: own }, 'email')).toBeNull()
  expect(contentFor({ sms: own }, 'constructor')).toBeNull()
  expect(contentFor(null, 'email')).toBeNull()
})

test('the locale falls back from exact over language and the template’s own to any, channel by channel', () => {
  const known = template({
    fr: ['sms'],
    en: ['email'],
    'zh-Hant': ['email'],
    'pt-BR': ['email'],
    pt: ['email', 'push'],
  })
  const chosen = (channel: string, locale?: string) => messageIn(known, channel, locale)?.message.text
  expect([
    chosen('email', 'pt-BR'),
    chosen('email', 'pt-br'),
    chosen('push', 'pt-BR'),
    chosen('email', 'zh-Hant-TW'),
    chosen('email', 'zh'),
    chosen('email'),
    chosen('sms', 'pt-BR'),
    chosen('webhook', 'en'),
  ]).toEqual(['pt-BR email', 'pt-BR email', 'pt push', 'zh-Hant email', 'en email', 'en email', 'fr sms', undefined])
})

test('every stored device is reached once, and only the one that the request names where it names one', () => {
  const devices = ['phone', 'tablet', 'phone', '', 'watch']
  const reached = (to: Partial<Address>, known: Partial<KnownRecipient>) => {
    const { addresses, furtherAddresses } = reachOf(
      { to: { ...nowhere, ...to }, recipient: 'u' },
      { ...stored, ...known },
    )
    return [addresses.push, furtherAddresses]
  }
  expect([
    reached({}, { devices }),
    reached({}, { devices: ['phone'] }),
    reached({}, { devices: [] }),
    reached({ device: 'given' }, { devices }),
  ]).toEqual([
    ['phone', { push: ['tablet', 'watch'] }],
    ['phone', null],
    [undefined, null],
    ['given', null],
  ])
})
