/** What the record shows of a request. */
import type { NotificationRequested, NotificationSummary } from '../schemas/events.js'

export function summaryOf(request: NotificationRequested): NotificationSummary {
  const { recipient, channels, template, priority, sendAtMs, acceptedAtMs, metadata, batchId } = request
  const { correlationId, origin } = request
  return {
    recipient,
    channels: channels ?? [],
    template,
    priority,
    sendAtMs,
    acceptedAtMs,
    metadata,
    batchId,
    correlationId,
    origin,
  }
}
