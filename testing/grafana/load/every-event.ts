/** Load on a running Carillon in which every kind of event happens, again and again: a counter whose series begins with its
 *  only event has no rate. */
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'

export interface Load {
  /** Ends it, and resolves when nothing is asked any more. */
  stop(): Promise<void>
}

/** What is done, and how often. A call that fails is as good as any other: trouble is part of the load. */
type Habit = readonly [everyMs: number, act: (round: number) => Promise<unknown>]

const priorities = ['high', 'normal', 'low'] as const
const answerTimeoutMs = 20_000
const template = { id: 'load', channels: { sms: { text: 'Hello {{ name }}' } } }
const quiet = { phone: '+4915112345678', preferences: { channels: { sms: false } } }

/** `provider`: where webhooks go. */
export function everyEvent(address: string, provider: string): Load {
  const stopped = new AbortController()
  const client = clientOf(address, stopped.signal)
  const socket = new WebSocket(`${address.replace('http', 'ws')}/v1/ws`)
  socket.on('error', () => undefined)
  const habits = [...flow(client, provider), ...endings(client, provider), ...requests(client)]
  const running = [
    client.listen('/v1/events'),
    client.listen('/v1/recipients/user-1/inbox/stream'),
    ...habits.map((habit) => keepUp(habit, stopped.signal)),
  ]
  return {
    async stop() {
      stopped.abort()
      socket.terminate()
      await Promise.all(running)
    },
  }
}

type Client = ReturnType<typeof clientOf>

/** Every priority on every channel. */
function flow({ notify }: Client, provider: string): readonly Habit[] {
  const topics = [
    { email: 'ada@example.org' },
    { phone: '+4915112345678' },
    { device: 'a-device' },
    { webhook: `${provider}/hook` },
    { slack: 'a-channel' },
    { id: 'user-1' },
  ]
  return [
    [60, (round) => notify({ to: topics[round % topics.length], priority: priorities[Math.floor(round / 6) % 3] })],
    // More than its limit lets through, some of it only for a moment.
    [120, (round) => notify({ to: { email: `${round}@example.org` }, priority: priorities[round % 3] })],
    [400, () => notify({ to: { email: 'late@example.org' }, priority: 'low', expiresAt: inMs(1500) })],
    // More at once than the provider takes, then nothing: what waits grows and drains.
    [
      150,
      async (round) =>
        round % 200 < 40 && notify({ to: { webhook: `${provider}/hook` }, content: { body: 'Hello #slow' } }),
    ],
  ]
}

/** Every way in which a delivery ends, or does not yet. */
function endings({ notify, ask, put }: Client, provider: string): readonly Habit[] {
  const answers = ['#500', '#429', '#400', '#410', '#503']
  return [
    [200, (round) => notify({ to: { phone: '+4915112345678' }, content: { body: `Hello ${answers[round % 5]}` } })],
    [500, (round) => notify({ to: { webhook: `${provider}/hook` }, content: { body: `Hello ${answers[round % 5]}` } })],
    [1000, () => notify({ to: { device: 'a-device' }, sendAt: inMs(3000) })],
    [
      1500,
      async () => {
        const { id } = await notify({ to: { device: 'a-device' }, sendAt: inMs(60_000) })
        await sleep(300)
        await ask(`/v1/notifications/${id}/cancel`, { method: 'POST' })
      },
    ],
    [500, (round) => notify({ to: 'twin', dedupe: { key: `twin-${Math.floor(round / 3)}` } })],
    [5000, () => put('/v1/recipients/quiet', quiet)],
    [700, () => notify({ to: 'quiet', channels: ['sms'] })],
    [5000, () => ask('/v1/templates', { method: 'POST', body: JSON.stringify(template) })],
    [
      900,
      (round) =>
        notify({
          to: { phone: '+4915112345678' },
          template: 'load',
          data: round % 2 ? { name: 'Ada' } : {},
          content: undefined,
        }),
    ],
  ]
}

/** Keys used again, requests that are refused, other contracts, batches, reads. */
function requests({ notify, ask, json }: Client): readonly Habit[] {
  const batch = { notifications: Array.from({ length: 20 }, () => ({ to: 'user-2', content: { body: 'Hello' } })) }
  return [
    [400, (round) => notify({ to: 'user-3', idempotencyKey: `key-${Math.floor(round / 4)}` })],
    [800, (round) => notify({ to: 'user-3', idempotencyKey: 'key-0', content: { body: `Other ${round}` } })],
    [600, () => ask('/v1/notifications', { method: 'POST', body: '{' })],
    [600, () => ask('/v1/notifications/unknown')],
    [1000, () => json('/v1/notifications/batch', batch)],
    [700, () => json('/user/notification', { user_id: [1, 2], type: 'inapp', description: `Hello ${Date.now()}` })],
    [
      700,
      () =>
        json('/api/v1/notifications', { channel: 'sms', recipient: '+905551234567', content: 'x', priority: 'high' }),
    ],
    [
      700,
      () => ask('/send', { method: 'POST', body: new URLSearchParams({ fromID: '1', toID: '2', message: 'Hello' }) }),
    ],
    [1500, () => ask('/v1/notifications?limit=5')],
    [1500, () => ask('/v1/recipients/user-1/inbox')],
    [3000, () => ask('/v1/stats')],
    [3000, () => json('/v1/dead-letters/replay', { cause: 'permanent-error', limit: 3 })],
  ]
}

function clientOf(address: string, signal: AbortSignal) {
  const ask = async (path: string, init: RequestInit = {}) => {
    const headers = typeof init.body === 'string' ? { 'content-type': 'application/json' } : {}
    const waits = AbortSignal.any([signal, AbortSignal.timeout(answerTimeoutMs)])
    const answer = await fetch(`${address}${path}`, { headers, ...init, signal: waits })
    return answer.text()
  }
  const json = (path: string, body: object) => ask(path, { method: 'POST', body: JSON.stringify(body) })
  return {
    ask,
    json,
    put: (path: string, body: object) => ask(path, { method: 'PUT', body: JSON.stringify(body) }),
    async notify(body: object): Promise<{ readonly id: string }> {
      const answer: unknown = JSON.parse(await json('/v1/notifications', { content: { body: 'Hello' }, ...body }))
      return { id: typeof answer === 'object' && answer !== null && 'id' in answer ? String(answer.id) : '' }
    },
    /** Reads a stream of events until the end. */
    async listen(path: string): Promise<void> {
      try {
        const answer = await fetch(`${address}${path}`, { signal })
        for await (const _ of answer.body ?? []);
      } catch {
        // It ends with the load.
      }
    },
  }
}

/** Acts once for each span of time, never twice at once. */
async function keepUp([everyMs, act]: Habit, signal: AbortSignal): Promise<void> {
  for (let round = 0; !signal.aborted; round++) {
    await Promise.all([act(round).catch(() => undefined), sleep(everyMs, undefined, { signal }).catch(() => undefined)])
  }
}

function inMs(ms: number): string {
  return new Date(Date.now() + ms).toISOString()
}
