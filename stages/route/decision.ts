/** Which channels carry a notification: from facts to a decision, and nothing else. */
import type { Candidate, Message, Preferences } from '../../schemas/events.js'
import { type Channel, channels } from '../../schemas/topics.js'
import { addressProblem, type ChannelLimits, contentProblem, type Problem } from './rules.js'

export interface RouteProvider {
  readonly name: string
  /** True: any recipient id will do as an address, as for the outbox. */
  readonly takesAnyAddress: boolean
}

export interface RouteFacts {
  /** The recipient's key. */
  readonly recipient: string
  /** Channel to address. */
  readonly addresses: Readonly<Record<string, string>>
  readonly preferences: Preferences | null
  readonly candidates: readonly Candidate[]
  readonly providers: Readonly<Record<Channel, RouteProvider>>
  readonly limits: ChannelLimits
}

/** A channel that carries the notification. */
export interface Route {
  readonly channel: Channel
  readonly provider: string
  readonly address: string
  readonly message: Message
}

/** A channel that does not. */
export interface Dropped extends Problem {
  readonly channel: string
  /** Suppressed: the recipient does not want it. */
  readonly status: 'suppressed' | 'failed'
}

export interface RouteDecision {
  readonly routes: readonly Route[]
  readonly dropped: readonly Dropped[]
}

/** Every candidate comes back once, in its order: as a route, or dropped with its reason. */
export function decideRoutes(facts: RouteFacts): RouteDecision {
  const routes: Route[] = []
  const dropped: Dropped[] = []
  for (const candidate of facts.candidates) {
    const decided = decide(candidate, facts)
    if ('message' in decided) routes.push(decided)
    else dropped.push(decided)
  }
  return { routes, dropped }
}

function decide(candidate: Candidate, facts: RouteFacts): Route | Dropped {
  const { channel, message } = candidate
  const unwanted = preferenceAgainst(channel, facts.preferences)
  if (unwanted) return { channel, status: 'suppressed', reason: 'preference', detail: unwanted }
  if (!isChannel(channel)) return failed(channel, { reason: 'unknown-channel', detail: 'There is no such channel.' })
  if (!message) return failed(channel, renderProblem(candidate))
  const { name: provider, takesAnyAddress } = facts.providers[channel]
  const address = facts.addresses[channel] ?? (takesAnyAddress ? facts.recipient : undefined)
  if (!address) return failed(channel, { reason: 'no-address', detail: `The recipient has no address for ${channel}.` })
  const problem =
    (takesAnyAddress ? null : addressProblem(channel, address)) ?? contentProblem(channel, message, facts.limits)
  return problem ? failed(channel, problem) : { channel, provider, address, message }
}

function preferenceAgainst(channel: string, preferences: Preferences | null): string | null {
  if (preferences?.muted) return 'The recipient has muted all notifications.'
  if (preferences?.channels[channel] === false) return `The recipient does not want ${channel}.`
  return null
}

function renderProblem({ reason, detail }: Candidate): Problem {
  return { reason: reason ?? 'no-content', detail: detail ?? 'There is nothing to say.' }
}

function failed(channel: string, problem: Problem): Dropped {
  return { channel, status: 'failed', ...problem }
}

function isChannel(name: string): name is Channel {
  return channels.some((channel) => channel === name)
}
