/** What is shown of a message in the outbox. */
import type { OutboxMessage } from '../../ingress/ports.js'
import type { OutboxEntry } from '../../stages/deliver/providers/outbox.js'
import { rfc3339 } from '../../stages/record/rfc3339.js'

export function outboxMessage(entry: Omit<OutboxEntry, 'tenant'>): OutboxMessage {
  const { id, notificationId, channel, address, message, keptAtMs } = entry
  const { subject, text, html, data } = message
  return {
    id,
    notificationId,
    channel,
    address,
    message: {
      ...(subject !== null && { subject }),
      ...(text !== null && { text }),
      ...(html !== null && { html }),
      ...(data !== null && { data: parsed(data) }),
    },
    at: rfc3339(keptAtMs),
  }
}

/** A message's data is JSON; a template may have rendered something else. */
function parsed(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    return data
  }
}
