/** A Carillon at work, as its API tells it: what the console's test shows. */

import type { ChannelStats, DeadLetterRecord, OutboxMessage } from '../../../ingress/ports.js'
import type { StageFlow } from '../../../ingress/stage-flow.js'
import type { NotificationRecord } from '../../../schemas/record.js'

/** Text that would run if it were ever taken for markup. */
export const hostile = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>'

const start = Date.now() - 20_000
const at = (ms: number) => new Date(start + ms).toISOString()
const idle = { high: 0, normal: 0, low: 0 }

function stage(name: string, perSecond: number, lag: StageFlow['lag'], more: Partial<StageFlow> = {}): StageFlow {
  const flow = { input: '', outputs: [], state: 'running', processed: 48_211, restarts: 0 } as const
  return { ...flow, stage: name, perSecond, lag, ...more }
}

export const stages: readonly StageFlow[] = [
  stage('dedupe', 1204, { high: 0, normal: 312, low: 12_877 }),
  stage('enrich-template', 1198.4, { high: 0, normal: 41, low: 1024 }),
  stage('route', 1199, idle),
  stage('throttle', 1187, { high: 0, normal: 3, low: 640 }, { parked: 2310 }),
  stage('deliver', 986, { 'email.high': 1, 'email.normal': 18, 'sms.normal': 7, 'email.low': 96 }, { restarts: 1 }),
  stage('record', 2411, { all: 5 }),
]

export const stats: Readonly<Record<string, ChannelStats>> = {
  email: {
    sent: 31_804,
    failed: 122,
    simulated: 0,
    successRate: 0.9962,
    latencyMs: { mean: 14, p50: 14, p95: 48, p99: 131 },
  },
  sms: {
    sent: 9020,
    failed: 3,
    simulated: 0,
    successRate: 0.9997,
    latencyMs: { mean: 22, p50: 22, p95: 61, p99: 12_400 },
  },
  inapp: { sent: 412, failed: 0, simulated: 0, successRate: 1, latencyMs: { mean: 4, p50: 4, p95: 9, p99: 12 } },
  webhook: { sent: 0, failed: 0, simulated: 7, successRate: null, latencyMs: null },
}

function record(number: number, more: Partial<NotificationRecord>): NotificationRecord {
  const time = at(-number * 7000)
  return {
    id: `018f3a7e-0000-7000-8000-0000000000${String(number).padStart(2, '0')}`,
    status: 'sent',
    recipient: `user-${number}`,
    channels: ['email'],
    priority: 'normal',
    createdAt: time,
    updatedAt: time,
    deliveries: [],
    timeline: [],
    ...more,
  }
}

/** The newest notification, before its end. */
export const underway: NotificationRecord = record(1, {
  status: 'processing',
  recipient: 'anna.lindqvist@example.com',
  channels: ['email', 'sms'],
  template: { id: 'password-reset', version: 3 },
  priority: 'high',
  correlationId: '4bf92f3577b34da6',
  metadata: { campaign: 'spring', note: hostile },
  deliveries: [
    {
      id: 'd1',
      channel: 'email',
      provider: 'outbox',
      status: 'simulated',
      attempts: [{ number: 1, at: at(18), outcome: 'sent', latencyMs: 2 }],
    },
    {
      id: 'd2',
      channel: 'sms',
      provider: 'http',
      status: 'sending',
      attempts: [{ number: 1, at: at(19), outcome: 'transient', error: 'The provider answered 503.', latencyMs: 214 }],
    },
  ],
  timeline: [
    { at: at(0), stage: 'ingress', event: 'accepted' },
    { at: at(4), stage: 'dedupe', event: 'passed' },
    { at: at(9), stage: 'enrich-template', event: 'rendered', detail: 'password-reset version 3 in sv' },
    { at: at(12), stage: 'route', event: 'dropped', channel: 'push', reason: 'no-address', detail: hostile },
    { at: at(12), stage: 'route', event: 'routed', detail: 'email by outbox, sms by http' },
    { at: at(16), stage: 'throttle', event: 'released' },
    { at: at(20), stage: 'deliver', event: 'sent', channel: 'email' },
    {
      at: at(233),
      stage: 'deliver',
      event: 'retried',
      channel: 'sms',
      reason: 'transient',
      detail: 'The provider answered 503.',
      count: 2,
    },
  ],
})

/** The same, after it. */
export const ended: NotificationRecord = {
  ...underway,
  status: 'delivered',
  timeline: [...underway.timeline, { at: at(1450), stage: 'deliver', event: 'delivered', channel: 'sms' }],
}

export const records: readonly NotificationRecord[] = [
  underway,
  record(2, {
    status: 'scheduled',
    priority: 'low',
    channels: ['push'],
    template: { id: 'weekly-digest', version: 12 },
  }),
  record(3, { recipient: hostile }),
  record(4, { status: 'delivered', channels: ['email', 'inapp', 'webhook'] }),
  record(5, { status: 'failed', channels: ['sms'] }),
  record(6, { status: 'duplicate' }),
  record(7, { status: 'suppressed', channels: [] }),
  record(8, {}),
]

export const outbox: readonly OutboxMessage[] = [
  {
    id: 'd1',
    notificationId: underway.id,
    channel: 'email',
    address: 'anna.lindqvist@example.com',
    message: {
      subject: 'Reset your password',
      html: `<div style="font-family:sans-serif;padding:16px"><h1 style="color:#8a4b12">Reset</h1><p>Use 471 902.</p>${hostile}</div>`,
      text: 'Use 471 902.',
    },
    at: at(18),
  },
  {
    id: 'd9',
    notificationId: 'n9',
    channel: 'sms',
    address: '+46 70 123 45 67',
    message: { text: 'Your code is 471 902.' },
    at: at(-9000),
  },
  {
    id: 'd8',
    notificationId: 'n8',
    channel: 'push',
    address: 'device-81f',
    message: { subject: 'New comment', text: 'Per wrote: looks good', data: { thread: 12 } },
    at: at(-60_000),
  },
]

export const letter: DeadLetterRecord = {
  id: 'notifications.requested.normal-3-1882',
  at: at(-3000),
  stage: 'dedupe',
  topic: 'notifications.requested.normal',
  partition: 3,
  offset: 1882,
  cause: 'unknown-schema',
  detail: 'The registry does not know schema 912.',
  replays: 0,
  status: 'dead',
  headers: { 'x-correlation-id': '4bf92f3577b34da6' },
  valueBase64: 'AAAAA5gCEGhlbGxvIHdvcmxk',
  decoded: null,
}
