/** The client of a faults run: it posts until it has a 202, whatever happens to the server, and asks what became of
 *  everything. */
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { finalStatuses, notificationStatuses } from '../schemas/record.js'
import { waitForCount } from './run.js'
import type { Target } from './victim.js'

/** Notifications of one request. */
const batch = 10
const posters = 4
const askers = 8
const requestMostMs = 5000
const pauseMs = 20
/** Nothing ends for so long: what is open then is stuck. */
const patienceMs = 60_000

const accepted = z.looseObject({ notifications: z.array(z.looseObject({ id: z.string() })) })
const record = z.looseObject({
  status: z.enum(notificationStatuses),
  timeline: z.array(z.looseObject({ stage: z.string(), event: z.string() })),
})

export interface Posting {
  readonly target: Target
  /** Where the webhooks go. */
  readonly receiver: string
  readonly count: number
  readonly progress: (accepted: number) => void
  /** Ends it early. */
  readonly over: AbortSignal
}

/** Posts webhooks in small batches, each with a key, until each batch is accepted. Returns their ids. */
export async function postAll({ target, receiver, count, progress, over }: Posting): Promise<string[]> {
  const ids: string[] = []
  let next = 0
  await Promise.all(Array.from({ length: posters }, poster))
  return ids

  async function poster(): Promise<void> {
    while (next < count) {
      const first = next
      next = Math.min(count, first + batch)
      const to = Array.from({ length: next - first }, (_, index) => ({
        id: `user-${first + index}`,
        webhook: `${receiver}/hooks/${first + index}`,
      }))
      const body = JSON.stringify({ to, channels: ['webhook'], content: { body: 'Your order is on its way.' } })
      for (const id of await postUntilAccepted(target, `faults-${first}`, body, over)) ids.push(id)
      progress(ids.length)
    }
  }
}

/** No answer and 5xx are asked again with the same key; any other answer than 202 is a fault of Carillon. */
async function postUntilAccepted(target: Target, key: string, body: string, over: AbortSignal): Promise<string[]> {
  for (;;) {
    over.throwIfAborted()
    const answer = await request(target, '/v1/notifications', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body,
    })
    if (answer?.status === 202) return accepted.parse(answer.json).notifications.map(({ id }) => id)
    if (answer && answer.status < 500 && answer.status !== 409) throw new Error(`A post was answered ${answer.status}`)
    await delay(pauseMs)
  }
}

/** Asks until all have ended, or nothing moves any more. Returns those that have not, with what they say. */
export async function askUntilEnded(target: Target, ids: readonly string[]): Promise<Map<string, string>> {
  const open = new Map(ids.map((id) => [id, 'not asked']))
  const askAll = async () => {
    const asked = [...open.keys()]
    await Promise.all(Array.from({ length: askers }, (_, first) => ask(asked.filter((_, at) => at % askers === first))))
    return ids.length - open.size
  }
  await waitForCount(askAll, ids.length, { everyMs: pauseMs, patienceMs })
  return open

  async function ask(some: readonly string[]): Promise<void> {
    for (const id of some) {
      const answer = await request(target, `/v1/notifications/${id}`, {})
      const known = answer?.status === 200 ? record.parse(answer.json) : null
      if (known && finalStatuses.has(known.status)) open.delete(id)
      else open.set(id, known ? `${known.status}, ${lastOf(known)}` : `answered ${answer?.status ?? 'nothing'}`)
    }
  }
}

function lastOf({ timeline }: z.infer<typeof record>): string {
  const last = timeline.at(-1)
  return last ? `last ${last.stage} ${last.event}` : 'without a timeline'
}

/** Null where there was no answer. */
async function request({ address }: Target, path: string, options: RequestInit) {
  try {
    const answer = await fetch(`${address}${path}`, { ...options, signal: AbortSignal.timeout(requestMostMs) })
    const json: unknown = await answer.json()
    return { status: answer.status, json }
  } catch {
    return null
  }
}
