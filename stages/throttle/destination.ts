/** Where deliveries go, as far as one of them can stand before another. */
import type { Delivery } from '../../schemas/events.js'
import type { Channel } from '../../schemas/streams.js'
import type { PaceClass } from '../shared-limits.js'

/** Where a delivery goes. `part` is what the provider's breaker tells apart: a webhook's host. */
export interface Destination {
  readonly name: string
  readonly provider: string
  readonly channel: Channel
  readonly part: string | null
  readonly pace: PaceClass
}

/** The destination of a delivery; its name can be parsed again, for provider names, hosts and classes hold no spaces. */
export function destinationTo({ provider, channel }: Delivery, part: string | null, pace: PaceClass): Destination {
  const name = `${provider} ${channel} ${part ?? ''}${pace === null ? '' : ` ${pace}`}`
  return { name, provider, channel: channel as Channel, part, pace }
}

/** The destination that has the name. */
export function parseDestination(name: string): Destination {
  const [provider = '', channel = '', part = '', pace = null] = name.split(' ')
  return { name, provider, channel: channel as Channel, part: part === '' ? null : part, pace }
}
