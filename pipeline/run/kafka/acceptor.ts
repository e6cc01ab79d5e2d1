/** Takes requests where the log and the store are two systems: claims the key, appends, completes the claim.
 *  See `../../stores/claims.ts` for what that costs when it breaks off. */
import type { Acceptance, Acceptor, Claim } from '../../../ingress/ports.js'
import type { NotificationRequested } from '../../../schemas/events.js'
import { cancel, requested } from '../../../schemas/outgoing.js'
import type { Codec } from '../../engine/codec.js'
import type { Log } from '../../engine/log.js'
import type { ClaimAnswer, Claimed, Claims } from '../../stores/claims.js'

export interface AcceptorPorts {
  readonly log: Pick<Log, 'append'>
  readonly codec: Codec
  readonly claims: Claims
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number
}

/** Requests without a key need the log only. */
export function logAcceptor({ log, codec, claims, nowMs }: AcceptorPorts): Acceptor {
  const append = (notifications: readonly NotificationRequested[]): Promise<void> =>
    log.append(notifications.map((one) => codec.encode(requested(one), one.acceptedAtMs)))

  return {
    recall: (tenant, key) => claims.recall(tenant, key, nowMs()),
    async accept(notifications, claim) {
      if (claim !== null) return acceptClaimed(notifications, claim)
      await append(notifications)
      return { kind: 'accepted' }
    },
    cancel: (command, lane) => log.append([codec.encode(cancel(command, 'notifications.requested', lane), nowMs())]),
  }

  async function acceptClaimed(notifications: readonly NotificationRequested[], claim: Claim): Promise<Acceptance> {
    const tenant = notifications[0]?.tenant ?? 'default'
    const claimedAtMs = nowMs()
    const answer = await claims.claim(tenant, claim, claimedBy(notifications), claimedAtMs)
    const toAppend = appendedFor(answer, notifications)
    if (toAppend === null) return answer as Acceptance
    try {
      await append(toAppend)
    } catch (error) {
      // Should this fail too, the claim can be taken over before long.
      await claims.abandon(tenant, claim.key, claimedAtMs).catch(() => undefined)
      throw error
    }
    // The append is durable, so the answer stands whatever becomes of the claim. Of several who appended under it, one
    // is told that it was the first.
    const appended = await claims.complete(tenant, claim.key).catch(() => true)
    if (answer.kind === 'again') return { kind: 'replayed', answer: answer.answer, appended }
    return appended ? { kind: 'accepted' } : { kind: 'replayed', answer: claim.answer, appended }
  }
}

function claimedBy(notifications: readonly NotificationRequested[]): Claimed {
  return { ids: notifications.map(({ id }) => id), batchId: notifications[0]?.batchId ?? null }
}

/** Null where there is nothing to append. An earlier request's notifications keep the ids that it gave them. */
function appendedFor(
  answer: ClaimAnswer,
  notifications: readonly NotificationRequested[],
): readonly NotificationRequested[] | null {
  switch (answer.kind) {
    case 'accepted':
      return notifications
    case 'again': {
      const { ids, batchId } = answer.claimed
      return notifications.map((one, index) => ({ ...one, id: ids[index] ?? one.id, batchId }))
    }
    case 'replayed':
    case 'in-flight':
    case 'reused':
      return null
  }
}
