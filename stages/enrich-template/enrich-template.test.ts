import { expect, test } from 'vitest'
import type { Message, NotificationRequested, TrailEntry } from '../../schemas/events.js'
import { accepted, cancel, rendered } from '../../schemas/outgoing.js'
import type { KnownRecipient, TemplateVersion } from '../../schemas/template.js'
import { nowMs, runBatch, sampleRequest } from '../../testing/stages/enrich-template/enrich-template-sample.js'
import type { RenderResult } from './draft.js'
import { type EnrichTemplatePorts, enrichTemplate, type RenderJob } from './enrich-template.js'

const text = (words: string): Message => ({ subject: null, text: words, html: null, data: null })
const before: TrailEntry[] = [
  { atMs: nowMs - 5, stage: 'ingress', event: 'accepted', channel: null, reason: null, detail: null },
]
const here = (event: string, more: Partial<TrailEntry> = {}): TrailEntry => {
  return { atMs: nowMs, stage: 'enrich-template', event, channel: null, reason: null, detail: null, ...more }
}
const anna: KnownRecipient = {
  id: 'user-42',
  email: 'stored@example.com',
  phone: '+4915112345678',
  devices: ['token-1', 'token-2'],
  locale: 'de-AT',
  preferences: { channels: { sms: false } },
  createdAt: '',
  updatedAt: '',
}
const welcome: TemplateVersion = {
  id: 'welcome',
  version: 3,
  locale: 'en',
  locales: {
    en: { email: text('Hi {{ name }} of {{ town }}'), push: text('Ping') },
    de: { email: text('Hallo {{ name }}') },
  },
  defaults: { name: 'you', town: 'Graz' },
  createdAt: '',
  updatedAt: '',
}

/** Ports that know what is given and note what they are asked. */
function ports(render: (job: RenderJob) => RenderResult = ({ source }) => ({ message: source })) {
  const asked: { recipients: unknown[]; templates: unknown[]; jobs: (readonly RenderJob[])[] } = {
    recipients: [],
    templates: [],
    jobs: [],
  }
  const given: EnrichTemplatePorts = {
    directory: {
      find: async (recipients) => {
        asked.recipients.push(recipients)
        return new Map([['default/user-42', anna]])
      },
    },
    templates: {
      load: async (references) => {
        asked.templates.push(references)
        return new Map([['default/welcome@3', welcome]])
      },
    },
    renderer: {
      render: async (jobs) => {
        asked.jobs.push(jobs)
        return jobs.map(render)
      },
    },
  }
  return { given, asked }
}

async function enrich(request: NotificationRequested, render?: (job: RenderJob) => RenderResult) {
  const { given } = ports(render)
  const step = await runBatch(enrichTemplate(given), [accepted({ request, trail: before })])
  const [output] = step.outputs
  if (output?.event !== 'notification-rendered') throw new Error(`It wrote ${output?.event}.`)
  return output.value
}

const withTemplate = { template: { id: 'welcome', version: 3 } }

test('literal content leaves as it came, joined with the addresses and preferences of the recipient', async () => {
  const words = text('{{ not a template }}')
  const to = { id: 'user-42', email: 'given@example.com', phone: null, device: null, webhook: null, slack: null }
  const request = sampleRequest({ to, channels: ['email'], content: { '*': words }, data: '{"a":1}' })
  const { given } = ports()
  const step = await runBatch(enrichTemplate(given), [accepted({ request, trail: before })])
  expect(step.outputs).toEqual([
    rendered({
      request: { ...request, data: '{}', content: null },
      addresses: { email: 'given@example.com', sms: '+4915112345678', push: 'token-1', inapp: 'user-42' },
      furtherAddresses: { push: ['token-2'] },
      preferences: { channels: { sms: false }, muted: false },
      candidates: [{ channel: 'email', message: words, reason: null, detail: null }],
      trail: [...before, here('rendered')],
    }),
  ])
})

test('an unknown recipient has the addresses of the request only', async () => {
  const to = { id: 'nobody', email: null, phone: '+4915112345678', device: null, webhook: null, slack: null }
  const value = await enrich(sampleRequest({ to, recipient: 'nobody', content: { '*': text('Hi') } }))
  expect(value.addresses).toEqual({ inapp: 'nobody', sms: '+4915112345678' })
  expect(value.preferences).toBeNull()
})

test('a template is rendered in the best locale that has the channel, with the defaults under the data', async () => {
  const { given, asked } = ports(({ channel }) => ({ message: text(`rendered ${channel}`) }))
  const request = sampleRequest({ ...withTemplate, data: '{"name":"Anna","__proto__":{"town":"Rome"}}' })
  const step = await runBatch(enrichTemplate(given), [accepted({ request, trail: before })])
  const variables = { name: 'Anna', town: 'Graz', ['__proto__']: { town: 'Rome' } }
  expect(asked.jobs).toEqual([
    [
      { template: 'default/welcome@3+de', channel: 'email', source: text('Hallo {{ name }}'), variables },
      { template: 'default/welcome@3+en', channel: 'push', source: text('Ping'), variables },
    ],
  ])
  expect(Object.getPrototypeOf(asked.jobs[0]?.[0]?.variables)).toBe(Object.prototype)
  expect(step.outputs[0]?.value).toMatchObject({
    candidates: [
      { channel: 'email', message: text('rendered email'), reason: null, detail: null },
      { channel: 'push', message: text('rendered push'), reason: null, detail: null },
    ],
    trail: [...before, here('rendered', { detail: 'welcome, version 3, locale de' })],
  })
})

test('a channel whose rendering fails takes the literal content for it, and its neighbour the reason', async () => {
  const failure = { message: null, reason: 'missing-variable', detail: 'text: The variable "x" is missing.' }
  const fallback = text('Plain')
  const { candidates, trail } = await enrich(
    sampleRequest({ ...withTemplate, content: { email: fallback } }),
    () => failure,
  )
  const { reason, detail } = failure
  expect(candidates).toEqual([
    { channel: 'email', message: fallback, reason: null, detail: null },
    { channel: 'push', message: null, reason, detail },
  ])
  expect(trail).toEqual([
    ...before,
    here('rendered', { detail: 'welcome, version 3, locale de' }),
    here('substituted', { channel: 'email', reason, detail }),
    here('failed', { channel: 'push', reason, detail }),
  ])
})

test('a template that is gone and a channel that it does not have are reasons of their own', async () => {
  const gone = await enrich(sampleRequest({ template: { id: 'other', version: 1 }, channels: ['sms'] }))
  expect(gone.candidates).toEqual([
    { channel: 'sms', message: null, reason: 'template-missing', detail: 'The template is gone.' },
  ])
  const detail = 'The template has nothing for sms.'
  const absent = await enrich(sampleRequest({ ...withTemplate, channels: ['sms'] }))
  expect(absent.candidates).toEqual([{ channel: 'sms', message: null, reason: 'no-content', detail }])
  expect(absent.trail).toEqual([...before, here('failed', { channel: 'sms', reason: 'no-content', detail })])
})

test('a batch looks up each recipient and template once and renders once', async () => {
  const { given, asked } = ports()
  const request = sampleRequest(withTemplate)
  const events = [1, 2, 3].map((n) => accepted({ request: { ...request, id: `n-${n}` }, trail: [] }))
  const step = await runBatch(enrichTemplate(given), events)
  expect(step.outputs).toHaveLength(3)
  expect(asked.recipients).toEqual([[{ tenant: 'default', id: 'user-42' }]])
  expect(asked.templates).toEqual([[{ tenant: 'default', id: 'welcome', version: 3 }]])
  expect(asked.jobs.map((jobs) => jobs.length)).toEqual([6])
})

test('a batch without ids and templates asks for nothing', async () => {
  const { given, asked } = ports()
  const to = { id: null, email: 'a@b.c', phone: null, device: null, webhook: null, slack: null }
  const request = sampleRequest({ to, recipient: 'a@b.c', content: { '*': text('Hi') } })
  await runBatch(enrichTemplate(given), [accepted({ request, trail: [] })])
  expect(asked).toEqual({ recipients: [], templates: [], jobs: [] })
})

test('data that is no JSON object ends its notification and harms no other', async () => {
  const { given } = ports()
  const good = accepted({ request: sampleRequest(withTemplate), trail: [] })
  const bad = accepted({ request: sampleRequest({ ...withTemplate, id: 'n-2', data: '{' }), trail: before })
  const step = await runBatch(enrichTemplate(given), [bad, good])
  const detail = 'The data is not a JSON object.'
  expect(step.deadLetters).toEqual([
    { record: expect.objectContaining({ recordId: 'r-0' }), cause: 'invalid-data', detail },
  ])
  expect(step.outputs.map(({ event }) => event)).toEqual(['notification-status', 'notification-rendered'])
  expect(step.outputs[0]?.value).toMatchObject({
    eventId: 'r-0-enrich-template',
    notificationId: 'n-2',
    status: 'failed',
    trail: [...before, here('failed', { reason: 'invalid-data', detail })],
  })
})

test('a cancel command passes to the next topic in its lane', async () => {
  const { given } = ports()
  const command = { id: 'n-1', tenant: 'default', recipient: 'user-42', correlationId: '', requestedAtMs: nowMs }
  const step = await runBatch(enrichTemplate(given), [cancel(command, 'notifications.accepted', 'normal')])
  expect(step.outputs).toEqual([cancel(command, 'notifications.rendered', 'normal')])
})
