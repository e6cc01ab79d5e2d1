/** Gives each notification of a request its place in the traces, and records how long they took to be durable. */
import type { NotificationRequested } from '../../../schemas/events.js'
import { isSampled } from '../../engine/trace-context.js'
import type { Recorder } from './recorder.js'

/** Notifications of one request in the request's own trace. A trace of a thousand of them nobody can read: each of the
 *  others begins one of its own, which links to the request's where that is recorded. */
const inOneTrace = 16
const stream = 'notifications.requested'

/** Takes notifications in, like the ingress's `Acceptor`. `kind`: what became of them. */
export interface Accepting<Claim, Acceptance extends { readonly kind: string }> {
  accept(notifications: readonly NotificationRequested[], claim: Claim): Promise<Acceptance>
}

export function tracedAcceptor<A, C, R extends { readonly kind: string }>(
  acceptor: A & Accepting<C, R>,
  recorder: Recorder,
  system: string,
): A & Accepting<C, R> {
  return {
    ...acceptor,
    async accept(notifications: readonly NotificationRequested[], claim: C) {
      const trace = notifications[0]?.traceparent ?? null
      const placed = notifications.map((one, index) => (index < inOneTrace ? one : ofItsOwn(one)))
      const sending = trace !== null && isSampled(trace) ? send(trace, notifications.length) : null
      try {
        const acceptance = await acceptor.accept(placed, claim)
        sending?.end({ fields: { 'carillon.outcome': acceptance.kind } })
        return acceptance
      } catch (error) {
        sending?.end({ failed: error instanceof Error ? error.name : 'unknown' })
        throw error
      }
    },
  }

  function ofItsOwn(notification: NotificationRequested): NotificationRequested {
    const { id, traceparent: request } = notification
    const links = request !== null && isSampled(request) ? [request] : []
    const fields = [{ 'carillon.notification': id, 'carillon.priority': notification.priority }]
    const span = recorder.begin({ name: `create ${stream}`, kind: 'producer', parent: null, links, fields })
    span.end()
    return { ...notification, traceparent: span.recorded ? span.traceparent : null }
  }

  function send(parent: string, count: number) {
    return recorder.begin({
      name: `send ${stream}`,
      kind: 'producer',
      parent,
      fields: [
        {
          'messaging.system': system,
          'messaging.operation.name': 'send',
          'messaging.operation.type': 'send',
          'messaging.destination.name': stream,
          'messaging.batch.message_count': count,
        },
      ],
    })
  }
}
