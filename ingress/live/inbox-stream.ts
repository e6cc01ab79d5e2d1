/** What comes into one inbox, as it comes.
 *
 *  Invariant: every message after the place where the stream begins is told, in the order of arrival, however the
 *  stream learns that there is one; for it looks by itself, too. A store may give a message twice: it is told once. */

import { BadCursor } from '../../schemas/errors.js'
import type { Arrival, Inbox } from '../ports.js'
import type { Changes } from './changes.js'
import { type EventStream, eventFrame, placeFrame } from './event-stream.js'

/** The inbox whose messages are told. */
export interface InboxAddress {
  readonly tenant: string
  readonly recipient: string
}

/** Messages of one look. Each may be large, and all streams may look at once. */
const maxLook = 20
/** A change may be missed, and an inbox filled by what tells of none. */
const lookAgainMs = 15_000
/** Messages of which is remembered that they were told. */
const maxRemembered = 1000

/** The first look: it tells whether the place is good before anything is answered. */
export interface InboxStart {
  readonly place: string
  readonly arrivals: readonly Arrival[]
}

/** `after` undefined: only what comes from now on. Rejects with `BadCursor` for a place that is none of this inbox. */
export async function startOfInbox(
  inbox: Inbox,
  { tenant, recipient }: InboxAddress,
  after: string | undefined,
): Promise<InboxStart> {
  if (after === undefined) return { place: await inbox.lastArrival(tenant, recipient), arrivals: [] }
  return { place: after, arrivals: await inbox.arrivals(tenant, recipient, after, maxLook) }
}

/** Tells until the stream ends. */
export async function tellInbox(
  { inbox, bell }: { readonly inbox: Inbox; readonly bell: Bell },
  { tenant, recipient }: InboxAddress,
  { place: first, arrivals: found }: InboxStart,
  stream: EventStream,
): Promise<void> {
  const told = new Set<string>()
  let place = first
  if (!(await stream.offer(placeFrame(first)))) return
  for (let arrivals = found; !stream.ended.aborted; arrivals = await look()) {
    for (const { message, place: next } of arrivals) {
      place = next
      if (!remember(told, message.id)) continue
      if (!(await stream.offer(eventFrame('message', message, next)))) return
    }
    if (arrivals.length < maxLook) await bell.rings()
  }

  /** While the store is away there is nothing to tell; it is asked again when the bell rings next. */
  async function look(): Promise<readonly Arrival[]> {
    try {
      return await inbox.arrivals(tenant, recipient, place, maxLook)
    } catch (error) {
      // The place is forgotten: whoever connects anew is told so.
      if (error instanceof BadCursor) stream.close()
      return []
    }
  }
}

/** Rings when there may be a message. */
export interface Bell {
  /** Resolves when it rings, or rang since it resolved last. */
  rings(): Promise<void>
  readonly ready: Promise<void>
}

/** Attends to an inbox until its stream has ended. */
export function inboxBell(changes: Changes, { recipient }: InboxAddress, ended: AbortSignal): Bell {
  let rung = false
  let wake: () => void = () => undefined
  const ring = () => {
    rung = true
    wake()
  }
  const attention = changes.attend({ recipient }, { changed: ({ inbox }) => inbox && ring(), missed: ring })
  const again = setInterval(ring, lookAgainMs)
  const end = () => {
    clearInterval(again)
    attention.end()
    ring()
  }
  if (ended.aborted) end()
  else ended.addEventListener('abort', end, { once: true })
  return {
    ready: attention.ready,
    async rings() {
      if (!rung) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      rung = false
    },
  }
}

/** False: it was there already. */
function remember(told: Set<string>, id: string): boolean {
  if (told.has(id)) return false
  const [oldest] = told
  if (told.size >= maxRemembered && oldest !== undefined) told.delete(oldest)
  told.add(id)
  return true
}
