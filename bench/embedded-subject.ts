/** The embedded engine as a subject: its thread as `carillon start` has it, asked directly, without HTTP. */
import { perNotification } from './drain.js'
import { makeNotifications } from './notifications.js'
import { allRecorded } from './recorded.js'
import { watchMemory } from './resident-memory.js'
import { inFolder } from './run-folder.js'
import { openStubEngine, type StubEngine } from './stub-engine.js'
import type { Finished, Subject, Watch } from './subject.js'
import { tallyRun } from './tally.js'

/** Through another engine in the same thread first. */
const warmUp = 2000

/** `halted`: the stages stand still until `resume`. */
export function onEmbedded<T>(halted: boolean, run: (subject: Subject) => Promise<T>): Promise<T> {
  return inFolder(async (folder, keep) => {
    const bench = await openStubEngine(folder, { warmUp })
    if (!halted) await bench.stub.begin()
    const subject = subjectOn(bench, keep)
    try {
      return await run(subject)
    } finally {
      await subject.close()
    }
  })
}

function subjectOn(bench: StubEngine, keep: () => void): Subject & { close(): Promise<void> } {
  const { engine, stub, databaseFile } = bench
  const memory = watchMemory()
  let closing: Promise<void> | null = null
  const close = () => {
    memory.stop()
    closing ??= bench.close()
    return closing
  }

  return {
    async send(number, channel) {
      const notifications = makeNotifications(number, 1, 'normal', channel)
      await engine.accept({ notifications, claim: null })
      return notifications[0]?.id ?? ''
    },
    slow: (channel, answersAfterMs) => stub.slow(channel, answersAfterMs),
    // They have not begun.
    halt: async () => undefined,
    resume: () => stub.begin(),
    async watch(): Promise<Watch> {
      const fromMs = await stub.threadTimeMs()
      return {
        async stop(count) {
          const engineMicros = perNotification(fromMs, await stub.threadTimeMs(), count)
          return engineMicros === null ? {} : { engine: engineMicros }
        },
      }
    },
    ended: (count) => allRecorded(databaseFile, count, () => undefined),
    async finish(accepted): Promise<Finished> {
      const rssMiB = memory.stop()
      const report = await stub.report()
      await close()
      const tally = tallyRun(databaseFile, accepted, report)
      if (tally.lost > 0 || tally.duplicates > 0) keep()
      return { calledAtMs: report.firstAtMs, tally, rssMiB }
    },
    close,
  }
}
