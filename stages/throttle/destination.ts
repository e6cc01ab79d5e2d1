/** Where deliveries go, as far as one of them can stand before another. */
import type { Delivery } from '../../schemas/events.js'
import type { Channel } from '../../schemas/streams.js'
import type { PaceClass } from '../shared-limits.js'

/** Where a delivery goes. `part` is what fails alone: a channel, or a webhook's URL;
 *  null: the whole provider. */
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

/** What the connections to a part go to, which several parts may share. A webhook's part is its origin, and after a slash
 *  what tells its URL from others there. */
export function hostOf(part: string): string {
  const [, origin] = /^(https?:\/\/[^/]+)\/[^/]+$/.exec(part) ?? []
  return origin ?? part
}
