/** What the contracts of other systems promise of delivery, where it differs from Carillon's own rules. It holds for
 *  their traffic only, which is told by the notification's origin. */
import type { Delivery } from '../../schemas/events.js'
import { usualLimits } from '../../stages/route/route.js'
import type { ChannelLimits } from '../../stages/route/rules.js'
import type { LimitsOf, PaceClass } from '../../stages/shared-limits.js'
import type { Config } from '../config/config.js'

/** Contract C counts code points, whatever the segments of an SMS and the bytes of a push. */
const contractC: ChannelLimits = {
  sms: { characters: 160 },
  email: { characters: 10_000 },
  push: { characters: 4096 },
}

/** How much the channels carry, by origin. */
export function channelLimits({ limits }: Pick<Config, 'limits'>): (origin: string) => ChannelLimits {
  const native = { ...usualLimits, sms: { segments: limits.smsSegments } }
  return (origin) => (origin === 'c' ? contractC : native)
}

/** Whose pace a delivery keeps: contract C's where that has a limit. */
export function paceClass({ compat }: Pick<Config, 'compat'>): (delivery: Delivery) => PaceClass {
  const limited = compat.c.ratePerSecond !== null
  return ({ origin }) => (limited && origin === 'c' ? 'c' : null)
}

/** A provider's limit on a channel, which counts all traffic, and the one of the pace class on that channel. */
export function rateLimits({ providers, limits, compat }: Pick<Config, 'providers' | 'limits' | 'compat'>): LimitsOf {
  const own = new Map(providers.map(({ name, policy }) => [name, policy.ratePerSecond]))
  const byChannel = new Map<string, number | null>(Object.entries(limits.ratePerSecond))
  return (provider, channel, pace) => [
    ...limit(`${provider} ${channel}`, slower(own.get(provider) ?? null, byChannel.get(channel) ?? null)),
    ...(pace === 'c' ? limit(`c ${channel}`, compat.c.ratePerSecond) : []),
  ]
}

function limit(name: string, ratePerSecond: number | null): ReturnType<LimitsOf> {
  return ratePerSecond === null ? [] : [{ name, ratePerSecond }]
}

/** Of a provider's own rate and its channel's limit, which are one bucket: a channel has one provider. */
function slower(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other
  return Math.min(one, other)
}
