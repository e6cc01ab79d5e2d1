import { expect, test } from 'vitest'
import type { Candidate, Message, NotificationRendered, TrailEntry } from '../../schemas/events.js'
import { cancel, rendered, routed, status } from '../../schemas/outgoing.js'
import { nowMs, runBatch, sampleRequest } from '../../testing/stages/enrich-template/enrich-template-sample.js'
import { route, usualLimits } from './route.js'

const real = (name: string) => ({ name, takesAnyAddress: false })
const providers = {
  email: real('smtp'),
  sms: real('http'),
  push: real('http'),
  inapp: real('inbox'),
  webhook: real('webhook'),
  slack: { name: 'outbox', takesAnyAddress: true },
}
const stage = route({ providers })
const message: Message = { subject: 'Hello', text: 'Hello Anna', html: null, data: null }
const says = (channel: string): Candidate => ({ channel, message, reason: null, detail: null })
const before: TrailEntry[] = [
  { atMs: nowMs - 5, stage: 'ingress', event: 'accepted', channel: null, reason: null, detail: null },
]
const here = (event: string, channel: string, detail: string, reason: string | null = null): TrailEntry => {
  return { atMs: nowMs, stage: 'route', event, channel, reason, detail }
}
const ended = (id: string, channel: string, state: 'failed' | 'suppressed', siblings: number) => {
  return { id, channel, provider: null, status: state, final: true, siblings, attempts: [] }
}

function notification(changes: Partial<NotificationRendered>): NotificationRendered {
  const request = sampleRequest({ sendAtMs: nowMs + 60_000, expiresAtMs: nowMs + 90_000, traceparent: '00-1-2-01' })
  const addresses = { inapp: 'user-42', email: 'anna@example.com' }
  return { request, addresses, furtherAddresses: null, preferences: null, candidates: [], trail: before, ...changes }
}

const delivery = {
  notificationId: 'n-1',
  tenant: 'default',
  recipient: 'user-42',
  message,
  priority: 'normal' as const,
  attempts: [],
  deferrals: 0,
  notBeforeMs: nowMs + 60_000,
  expiresAtMs: nowMs + 90_000,
  retry: null,
  triedFromMs: null,
  acceptedAtMs: nowMs - 5,
  metadata: '{"order":7}',
  correlationId: 'c-1',
  dueAtMs: nowMs + 60_000,
  traceparent: '00-1-2-01',
  origin: 'native',
  replays: 0,
}

test('each channel gets a delivery with its provider and address, and all count the same siblings', async () => {
  const value = notification({ candidates: [says('email'), says('slack')] })
  const step = await runBatch(stage, [rendered(value)])
  expect(step.drops).toEqual([])
  expect(step.outputs).toEqual([
    routed({
      ...delivery,
      id: 'n-1.email',
      channel: 'email',
      provider: 'smtp',
      address: 'anna@example.com',
      siblings: 2,
      trail: [...before, here('routed', 'email', 'smtp')],
    }),
    routed({
      ...delivery,
      id: 'n-1.slack',
      channel: 'slack',
      provider: 'outbox',
      address: 'user-42',
      siblings: 2,
      trail: [...before, here('routed', 'slack', 'outbox')],
    }),
  ])
})

test('a dropped channel counts as a sibling and is told with its reason', async () => {
  const value = notification({ candidates: [says('email'), says('sms')] })
  const step = await runBatch(stage, [rendered(value)])
  const [kept, told] = step.outputs
  expect(kept?.value).toMatchObject({ delivery: { id: 'n-1.email', siblings: 2 } })
  expect(told).toEqual(
    status({
      eventId: 'r-0-route',
      notificationId: 'n-1',
      tenant: 'default',
      recipient: 'user-42',
      atMs: nowMs,
      status: null,
      duplicateOf: null,
      summary: null,
      deliveries: [ended('n-1.sms', 'sms', 'failed', 2)],
      trail: [...before, here('dropped', 'sms', 'The recipient has no address for sms.', 'no-address')],
      traceparent: '00-1-2-01',
    }),
  )
  expect(step.outputs).toHaveLength(2)
})

test('when nothing is left the notification ends here and says so with the whole trail', async () => {
  const detail = 'The recipient does not want email.'
  const preferences = { channels: { email: false }, muted: false }
  const value = notification({ candidates: [says('email')], preferences })
  const step = await runBatch(stage, [rendered(value)])
  expect(step.drops.map(({ reason }) => reason)).toEqual(['suppressed'])
  expect(step.outputs).toHaveLength(1)
  expect(step.outputs[0]?.value).toMatchObject({
    status: null,
    deliveries: [ended('n-1.email', 'email', 'suppressed', 1)],
    trail: [...before, here('suppressed', 'email', detail, 'preference')],
  })
})

test('a notification with no channel in question fails', async () => {
  const step = await runBatch(stage, [rendered(notification({}))])
  expect(step.drops.map(({ reason }) => reason)).toEqual(['no-channel'])
  expect(step.outputs[0]?.value).toMatchObject({ status: 'failed', deliveries: [] })
})

test('how much a channel carries may depend on the contract that a notification came by', async () => {
  const long = { ...says('sms'), message: { ...message, text: 'x'.repeat(161) } }
  const brief = { ...usualLimits, sms: { characters: 160 } }
  const byOrigin = route({ providers, limitsOf: (origin) => (origin === 'c' ? brief : usualLimits) })
  const of = (origin: string) =>
    rendered(
      notification({
        candidates: [long],
        request: sampleRequest({ id: origin, origin }),
        addresses: { sms: '+4915112345678' },
      }),
    )
  const step = await runBatch(byOrigin, [of('native'), of('c')])
  expect(step.outputs.map(({ value }) => value)).toMatchObject([
    { delivery: { id: 'native.sms', origin: 'native' } },
    { deliveries: [{ id: 'c.sms', status: 'failed' }], trail: [{}, { reason: 'too-long' }] },
  ])
})

test('each device of a recipient gets its push, with an id of its own, and all count the same siblings', async () => {
  const devices = { addresses: { push: 'phone' }, furtherAddresses: { push: ['tablet'] } }
  const candidates = [says('push'), says('email')]
  const first = notification({ ...devices, candidates })
  const again = notification({ ...devices, candidates, request: sampleRequest({ replays: 1 }) })
  const step = await runBatch(stage, [rendered(first), rendered(again)])
  const [phone, tablet] = ['45569da57f4b7bf4', '5bed85bd69a5502a']
  expect(step.outputs.map(({ value }) => value)).toMatchObject([
    { delivery: { id: `n-1.push.${phone}`, channel: 'push', address: 'phone', siblings: 3 } },
    { delivery: { id: `n-1.push.${tablet}`, channel: 'push', address: 'tablet', siblings: 3 } },
    { deliveries: [{ id: 'n-1.email', siblings: 3 }] },
    { delivery: { id: `n-1.push.${phone}.r1`, siblings: 3 } },
    { delivery: { id: `n-1.push.${tablet}.r1`, siblings: 3 } },
    { deliveries: [{ id: 'n-1.email.r1', siblings: 3 }] },
  ])
})

test('a replay gets delivery ids of its own', async () => {
  const value = notification({ candidates: [says('email'), says('sms')], request: sampleRequest({ replays: 2 }) })
  const step = await runBatch(stage, [rendered(value)])
  expect(step.outputs.map((output) => output.value)).toMatchObject([
    { delivery: { id: 'n-1.email.r2', replays: 2 } },
    { deliveries: [{ id: 'n-1.sms.r2' }] },
  ])
})

test('a cancel command passes to the next topic in its lane', async () => {
  const command = { id: 'n-1', tenant: 'default', recipient: 'user-42', correlationId: '', requestedAtMs: nowMs }
  const step = await runBatch(stage, [cancel(command, 'notifications.rendered', 'normal')])
  expect(step.outputs).toEqual([cancel(command, 'deliveries.routed', 'normal')])
})
