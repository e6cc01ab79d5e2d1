/** Accepts a notification once for a key, and says whose it is.
 *
 *  Invariant: a key is owned by a notification only once that is durable: where the first request failed or died
 *  half-way, the next one appends its notification and is told that it was accepted. */

import { Unavailable } from '../../schemas/errors.js'
import type { NotificationRequested } from '../../schemas/events.js'
import type { Acceptor, Claim } from '../ports.js'

export interface Owner {
  /** Of the notification that has the key. */
  readonly id: string
  /** True: it was accepted now. */
  readonly isNew: boolean
}

/** How long a request waits for another one with its key that is still under way. */
const patienceMs = 10_000
/** Between two looks at it: at first, and at most. */
const lookAgainMs = { first: 10, most: 250 }

/** A key of a contract. No key that a client gives has a control character: none is the same. */
export function contractKey(contract: 'b' | 'c', key: string): string {
  return `\u0001${contract}/${key}`
}

/** Resolves when it is known whose the key is. Rejects with `Unavailable` when another request with it does not end. */
export async function acceptOnce(
  acceptor: Pick<Acceptor, 'accept'>,
  notification: NotificationRequested,
  claimed: Pick<Claim, 'key' | 'windowMs' | 'insteadOf'>,
): Promise<Owner> {
  const claim = { ...claimed, bodyHash: '', answer: notification.id }
  const deadlineMs = performance.now() + patienceMs
  for (let pauseMs = lookAgainMs.first; ; pauseMs = Math.min(2 * pauseMs, lookAgainMs.most)) {
    const acceptance = await acceptor.accept([notification], claim)
    switch (acceptance.kind) {
      case 'accepted':
        return { id: notification.id, isNew: true }
      case 'replayed':
        return { id: acceptance.answer, isNew: acceptance.appended }
      case 'reused':
        throw new Error('A key of a contract was claimed with a body.')
      case 'in-flight':
        if (performance.now() + pauseMs > deadlineMs) throw new Unavailable('The first request with this key hangs.')
        await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }
}
