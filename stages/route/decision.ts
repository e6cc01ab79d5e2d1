/** Which channels carry a notification: from facts to a decision, and nothing else. */
import type { Candidate, Message, Preferences } from '../../schemas/events.js'
import { type Channel, channels } from '../../schemas/streams.js'
import { addressProblem, type ChannelLimits, contentProblem, type Problem } from './rules.js'

export interface RouteProvider {
  readonly name: string
  /** True: where there is no address, the recipient id will do, as for the outbox. */
  readonly takesAnyAddress: boolean
}

export interface RouteFacts {
  /** The recipient's key. */
  readonly recipient: string
  /** Channel to address. */
  readonly addresses: Readonly<Record<string, string>>
  /** Channel to the addresses beyond that one; null: no channel has several. */
  readonly furtherAddresses: Readonly<Record<string, readonly string[]>> | null
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
  /** True where the channel has several addresses: what tells this delivery from the others. */
  readonly isOneOfSeveral: boolean
  readonly message: Message
}

/** A channel that does not; or, of several addresses there, the one that does not. */
export interface Dropped extends Problem {
  readonly channel: string
  /** Null: the channel as a whole, or its only address. */
  readonly address: string | null
  /** Suppressed: the recipient does not want it. */
  readonly status: 'suppressed' | 'failed'
}

export interface RouteDecision {
  readonly routes: readonly Route[]
  readonly dropped: readonly Dropped[]
}

/** Every candidate comes back in its order: once for each address, or dropped as a whole with its reason. */
export function decideRoutes(facts: RouteFacts): RouteDecision {
  const routes: Route[] = []
  const dropped: Dropped[] = []
  for (const candidate of facts.candidates) {
    for (const decided of decide(candidate, facts)) {
      if ('message' in decided) routes.push(decided)
      else dropped.push(decided)
    }
  }
  return { routes, dropped }
}

function decide(candidate: Candidate, facts: RouteFacts): readonly (Route | Dropped)[] {
  const { channel, message } = candidate
  const unwanted = preferenceAgainst(channel, facts.preferences)
  if (unwanted) return [{ channel, address: null, status: 'suppressed', reason: 'preference', detail: unwanted }]
  if (!isChannel(channel)) return [failed(channel, { reason: 'unknown-channel', detail: 'There is no such channel.' })]
  if (!message) return [failed(channel, renderProblem(candidate))]
  const { name: provider, takesAnyAddress } = facts.providers[channel]
  const targets = targetsOn(channel, facts, takesAnyAddress)
  if (targets.length === 0) return [failed(channel, noAddress(channel))]
  const isReachable = targets.some(({ problem }) => problem === null)
  const unfit = isReachable ? contentProblem(channel, message, facts.limits) : null
  if (unfit) return [failed(channel, unfit)]
  const isOneOfSeveral = targets.length > 1
  return targets.map(({ address, problem }) =>
    problem
      ? failed(channel, problem, isOneOfSeveral ? address : null)
      : { channel, provider, address, isOneOfSeveral, message },
  )
}

/** Every address, and what is wrong with it. What stands in for a missing one need not look like an address. */
function targetsOn(channel: Channel, facts: RouteFacts, takesAnyAddress: boolean) {
  const { recipient, addresses, furtherAddresses } = facts
  const first = addresses[channel]
  if (!first) return takesAnyAddress ? [{ address: recipient, problem: null }] : []
  const all = new Set([first, ...(furtherAddresses?.[channel] ?? [])])
  return [...all].map((address) => ({ address, problem: addressProblem(channel, address) }))
}

function noAddress(channel: Channel): Problem {
  return { reason: 'no-address', detail: `The recipient has no address for ${channel}.` }
}

/** What the preferences have against a channel, for a person; null: nothing. */
export function preferenceAgainst(channel: string, preferences: Preferences | null): string | null {
  if (preferences?.muted) return 'The recipient has muted all notifications.'
  if (preferences?.channels[channel] === false) return `The recipient does not want ${channel}.`
  return null
}

function renderProblem({ reason, detail }: Candidate): Problem {
  return { reason: reason ?? 'no-content', detail: detail ?? 'There is nothing to say.' }
}

function failed(channel: string, problem: Problem, address: string | null = null): Dropped {
  return { channel, address, status: 'failed', ...problem }
}

function isChannel(name: string): name is Channel {
  return channels.some((channel) => channel === name)
}
