/** The memory log as the conformance suites want it: time passes only while a test waits. */

import { virtualClock } from '../../../pipeline/logs/memory/clock.js'
import { memoryLog } from '../../../pipeline/logs/memory/log.js'
import { type LogUnderTest, type OpenOptions, waitingIn } from '../../engine/log-under-test.js'

/** Virtual time after which a wait has failed. */
const patienceMs = 30_000
/** Virtual time between two questions of `until`. */
const stepMs = 10

/** Opens an empty memory log on a clock of its own. */
export async function openMemoryLog({ partitions, revokeTimeoutMs }: OpenOptions): Promise<LogUnderTest> {
  const clock = virtualClock(Date.UTC(2030, 0, 1))
  const log = memoryLog({ partitions, clock: clock.scheduler, groupRevokeTimeoutMs: revokeTimeoutMs })

  const during = async <T>(work: Promise<T>): Promise<T> => {
    let acked = false
    const noted = work.finally(() => {
      acked = true
    })
    // Whoever waits gets the rejection; the clock only needs to know that it came.
    noted.catch(() => undefined)
    await clock.runUntil(() => acked, patienceMs)
    return noted
  }

  return {
    log,
    clock: clock.scheduler,
    during,
    until: async (holds) => {
      for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += stepMs) {
        if (await during(Promise.resolve(holds()))) return
        await clock.advance(stepMs)
      }
      throw new Error(`What was waited for did not come within ${patienceMs} ms: ${holds}`)
    },
    lag: (group, topics) => waitingIn(log, group, topics),
    failCommits: (fail) => {
      if (fail) log.failNextCommit()
    },
    crash: async (member) => log.crash(member),
    close: () => log.close(),
  }
}
