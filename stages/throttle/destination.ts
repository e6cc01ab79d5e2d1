/** Where deliveries go, as far as one of them can stand before another. */
import type { Delivery } from '../../schemas/events.js'
import type { Channel } from '../../schemas/topics.js'

/** Where a delivery goes. `part` is what the provider's breaker tells apart: a webhook's host. */
export interface Destination {
  readonly name: string
  readonly provider: string
  readonly channel: Channel
  readonly part: string | null
}

/** The destination of a delivery; its name can be parsed again, for provider names and hosts hold no spaces. */
export function destinationTo({ provider, channel }: Delivery, part: string | null): Destination {
  return { name: `${provider} ${channel} ${part ?? ''}`, provider, channel: channel as Channel, part }
}

/** The destination that has the name. */
export function parseDestination(name: string): Destination {
  const [provider = '', channel = '', part = ''] = name.split(' ')
  return { name, provider, channel: channel as Channel, part: part === '' ? null : part }
}
