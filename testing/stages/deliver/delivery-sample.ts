/** A delivery for the tests of the providers. */
import { setMaxListeners } from 'node:events'
import type { Delivery, Message } from '../../../schemas/events.js'
import type { SendRequest } from '../../../stages/deliver/providers/provider.js'

const delivery: Delivery = {
  id: 'n-1:email',
  notificationId: 'n-1',
  tenant: 'default',
  recipient: 'user-42',
  channel: 'email',
  provider: 'test',
  address: 'anna@example.com',
  message: { subject: 'Hello', text: 'Hello Anna', html: null, data: null },
  priority: 'normal',
  siblings: 1,
  attempts: [],
  deferrals: 0,
  notBeforeMs: null,
  expiresAtMs: null,
  retry: null,
  triedFromMs: null,
  acceptedAtMs: 1_700_000_000_000,
  metadata: '{}',
  correlationId: '',
  dueAtMs: null,
  traceparent: null,
  origin: 'native',
  replays: 0,
  trail: [],
}

/** A first call for the delivery `n-1:email` to user-42, with what the test changes. */
export function sampleRequest(
  { message, ...changes }: Partial<Omit<Delivery, 'message'>> & { readonly message?: Partial<Message> } = {},
  attempt = 1,
): SendRequest {
  const changed = { ...delivery, ...changes, message: { ...delivery.message, ...message } }
  return { delivery: changed, key: changed.id, attempt, traceparent: changed.traceparent }
}

/** A signal for calls that are not aborted, as many at once as the test likes. */
export const never: AbortSignal = new AbortController().signal
setMaxListeners(0, never)
