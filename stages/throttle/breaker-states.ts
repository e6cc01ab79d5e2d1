/** What throttle knows of the breakers that are not closed, from what deliver reports of them. */
import type { ProviderHealth } from '../../schemas/events.js'
import { clockSetMs } from '../token-bucket.js'
import { type Destination, hostOf } from './destination.js'

export interface BreakerStates {
  /** How long until a probe may be released; null: nothing keeps a delivery back. */
  probeInMs(destination: Destination, nowMs: number): number | null
  /** Whether a breaker of the destination is not closed. */
  isTroubled(destination: Destination, nowMs: number): boolean
  /** A delivery was released: the probe of each breaker that is not closed. */
  pass(destination: Destination, nowMs: number): void
  heard(health: ProviderHealth, nowMs: number): void
}

/** A breaker that is not closed, by its last report. */
interface Trouble {
  readonly sinceMs: number
  /** When a probe may be released. */
  readonly probeAtMs: number
  /** A probe was released, and the breaker has not reported since. */
  readonly probed: boolean
}

/** Breakers that are remembered. Closed ones are not, and beyond this number the oldest is forgotten. */
const maxTroubled = 10_000

/** `probeEveryMs`: how long to wait for a breaker's report after a probe. */
export function breakerStates(probeEveryMs: number): BreakerStates {
  const troubled = new Map<string, Trouble>()

  return {
    probeInMs(destination, nowMs) {
      const closed = troublesOf(destination, nowMs).filter(({ trouble }) => !isProbeDue(trouble, nowMs))
      return closed.length > 0 ? Math.max(...closed.map(({ trouble }) => trouble.probeAtMs)) - nowMs : null
    },
    isTroubled: (destination, nowMs) => troublesOf(destination, nowMs).length > 0,
    pass(destination, nowMs) {
      if (troubled.size === 0) return
      const probed = new Set(troublesOf(destination, nowMs).map(({ key }) => key))
      for (const key of breakerKeys(destination)) {
        if (probed.has(key)) troubled.set(key, { sinceMs: nowMs, probeAtMs: nowMs + probeEveryMs, probed: true })
        else troubled.delete(key)
      }
    },
    heard({ key, state, retryAtMs, atMs }, nowMs) {
      if (state === 'closed') {
        troubled.delete(key)
        return
      }
      const [oldest] = troubled.keys()
      if (oldest !== undefined && troubled.size >= maxTroubled && !troubled.has(key)) troubled.delete(oldest)
      const retryMs = retryAtMs ?? atMs + probeEveryMs
      // Another process's clock may have written these times and may be ahead, but every clock measures the same wait.
      const probeAtMs = Math.min(retryMs, nowMs + Math.max(0, retryMs - atMs))
      // A half-open breaker has its probe under way; another is released only if the breaker reports nothing of it.
      troubled.set(key, { sinceMs: nowMs, probeAtMs, probed: state === 'half_open' })
    },
  }

  /** The destination's breakers that are open or let only probes through. A breaker that reported nothing in time after
   *  its probe counts as closed, because the process that had it may have restarted. */
  function troublesOf(destination: Destination, nowMs: number): { readonly key: string; readonly trouble: Trouble }[] {
    if (troubled.size === 0) return []
    return breakerKeys(destination).flatMap((key) => {
      const trouble = troubled.get(key)
      return trouble === undefined || (trouble.probed && isProbeDue(trouble, nowMs)) ? [] : [{ key, trouble }]
    })
  }
}

/** The probe's time has come, or the clock was set back and would reach that time only much later. */
function isProbeDue({ sinceMs, probeAtMs }: Trouble, nowMs: number): boolean {
  return nowMs >= probeAtMs || nowMs < sinceMs - clockSetMs
}

/** The keys, as in `ProviderHealth.key`, of the breakers of the destination's part and of that part's host. */
function breakerKeys({ provider, part }: Destination): readonly string[] {
  if (part === null) return [provider]
  const host = hostOf(part)
  return part === host ? [`${provider}/${part}`] : [`${provider}/${part}`, `${provider}/${host}`]
}
