/** Opens what a process needs once that is there. Kafka may come up after Carillon does. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Unavailable } from '../../../schemas/errors.js'

const firstPauseMs = 500
const longestPauseMs = 10_000

/** Tries until it opens; rejects with an error that waiting does not mend, and when `signal` aborts. */
export async function openWhenReady<T>(
  open: () => Promise<T>,
  signal: AbortSignal,
  say: (error: Unavailable, retryInMs: number) => void,
): Promise<T> {
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, 2 * pauseMs)) {
    signal.throwIfAborted()
    try {
      return await open()
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      say(error, pauseMs)
      await sleep(pauseMs, undefined, { signal })
    }
  }
}
