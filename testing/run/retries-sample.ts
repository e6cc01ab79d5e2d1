/** Retries for tests that need not wait for those of the configuration. */
import type { RetriesConfig } from '../../pipeline/config/retry.js'
import { type Channel, channels } from '../../schemas/streams.js'

/** The same waits for every channel and priority. */
export function retriesOf(scheduleMs: readonly number[], giveUpAfterMs: number): RetriesConfig {
  const byChannel = Object.fromEntries(channels.map((channel) => [channel, { scheduleMs, giveUpAfterMs }]))
  return {
    byChannel: byChannel as Record<Channel, { scheduleMs: readonly number[]; giveUpAfterMs: number }>,
    firstMs: { high: [], normal: [], low: [] },
    requests: { minWaitMs: 10, maxGiveUpAfterMs: 604_800_000 },
    baseMs: 10,
    maxMs: 50,
  }
}
