/** Joins what was told of deliveries. */
import type { Attempt, DeliveryState, DeliveryStatus } from '../../schemas/events.js'
import { type DeliveryStateShown, simulatingProvider } from '../../schemas/record.js'
import { channels } from '../../schemas/streams.js'
import type { KnownDelivery } from './state.js'
import { compareTexts } from './trail.js'

/** How many calls of one delivery are kept: the last ones. */
export const keptAttempts = 50

/** Ends of one delivery, the best last: of two that were told of it, the better one holds. */
const ends = ['failed', 'suppressed', 'expired', 'cancelled', 'sent', 'delivered'] as const

/** States on the way, the furthest last. */
const unfinished = ['queued', 'scheduled', 'sending', 'sent']

const channelOrder: readonly string[] = channels

/** Adds what was told at `atMs`. */
export function mergeDeliveries(
  known: readonly KnownDelivery[],
  told: readonly DeliveryStatus[],
  atMs: number,
): readonly KnownDelivery[] {
  if (told.length === 0) return known
  const merged = [...known]
  for (const status of told) {
    const at = merged.findIndex(({ id }) => id === status.id)
    const firstDelivery = knownFrom(status, atMs)
    const old = merged[at]
    if (old) merged[at] = mergeDelivery(old, firstDelivery)
    else merged.push(firstDelivery)
  }
  return merged.length === 1 ? merged : merged.sort(byChannel)
}

/** How good an end is; -1 for a state that is none. */
export function endRank(status: DeliveryState): number {
  return (ends as readonly string[]).indexOf(status)
}

/** The public word: what no provider carried was not sent. */
export function stateShown({ status, final, provider }: KnownDelivery): DeliveryStateShown {
  const ended = final && (status === 'sent' || status === 'delivered')
  return ended && provider === simulatingProvider ? 'simulated' : status
}

function knownFrom(told: DeliveryStatus, atMs: number): KnownDelivery {
  const { id, channel, provider, status, final, siblings } = told
  const attempts = mergeAttempts(told.attempts, [])
  return { id, channel, provider, status, final, siblings, atMs, told: told.attempts.length, attempts }
}

function mergeDelivery(a: KnownDelivery, b: KnownDelivery): KnownDelivery {
  const winner = compareKnowledge(a, b) >= 0 ? a : b
  const attempts = mergeAttempts(a.attempts, b.attempts)
  return { ...winner, siblings: Math.max(a.siblings, b.siblings), attempts }
}

/** Above 0 when `a` is the better knowledge. 0 only where both say the same. */
function compareKnowledge(a: KnownDelivery, b: KnownDelivery): number {
  if (a.final !== b.final) return a.final ? 1 : -1
  const rank = (status: DeliveryState) => (a.final ? endRank(status) : unfinished.indexOf(status))
  const ranks = rank(a.status) - rank(b.status)
  const progress = a.told - b.told || a.atMs - b.atMs
  return (
    (a.final ? ranks || progress : progress || ranks) ||
    compareTexts(a.status, b.status) ||
    compareTexts(a.provider, b.provider) ||
    compareTexts(a.channel, b.channel)
  )
}

/** The union of calls, each call once; a call told twice is told better by a known outcome. */
function mergeAttempts(a: readonly Attempt[], b: readonly Attempt[]): readonly Attempt[] {
  if (a.length === 0 && b.length < 2) return b
  if (b.length === 0 && a.length < 2) return a
  const attempts: Attempt[] = []
  for (const attempt of [...a, ...b].sort(compareAttempts)) {
    const last = attempts.at(-1)
    if (last?.atMs === attempt.atMs && last.number === attempt.number) attempts.pop()
    attempts.push(attempt)
  }
  return attempts.slice(-keptAttempts)
}

function compareAttempts(a: Attempt, b: Attempt): number {
  return (
    a.atMs - b.atMs ||
    a.number - b.number ||
    Number(a.outcome !== 'unknown') - Number(b.outcome !== 'unknown') ||
    compareTexts(a.outcome, b.outcome) ||
    a.latencyMs - b.latencyMs ||
    compareTexts(a.error, b.error)
  )
}

function byChannel(a: KnownDelivery, b: KnownDelivery): number {
  return channelOrder.indexOf(a.channel) - channelOrder.indexOf(b.channel) || compareTexts(a.id, b.id)
}
