/** The embedded engine as a subject: its thread as `carillon start` has it, asked directly, without HTTP. */
import { join } from 'node:path'
import { BroadcastChannel } from 'node:worker_threads'
import { type BirpcReturn, createBirpc } from 'birpc'
import { v7 as uuid } from 'uuid'
import { type EngineClient, startEngine } from '../pipeline/run/embedded/engine-client.js'
import type { Lane } from '../schemas/streams.js'
import { monotonicMs } from './latency.js'
import { type BenchChannel, layBacklog, makeNotifications, orderShipped } from './notifications.js'
import { databaseFileOf, inPlace, type Place } from './place.js'
import { perNotification, watchMemory } from './process-use.js'
import type { StubCalls, StubThreadData } from './stub-engine-thread.js'
import type { Subject, SubjectSetUp, Watch } from './subject.js'
import { allEnded, endedInSqlite, tallyRun } from './tally.js'

export interface EmbeddedSubject extends Subject {
  readonly stub: BirpcReturn<StubCalls, Record<string, never>>
  send(number: number, channel: BenchChannel, priority?: Lane): Promise<string>
}

/** Through another engine in the same thread first. */
const usualWarmUp = 2000
/** Production's defaults, with an HTTP provider whose place the stub takes. */
const environment = { CARILLON_PROVIDER_URL: 'http://127.0.0.1:9' }

export function onEmbedded<T>(setUp: SubjectSetUp, run: (subject: EmbeddedSubject) => Promise<T>): Promise<T> {
  const { waits = false, warmUp = usualWarmUp, profile: folder } = setUp
  const profile = folder === undefined ? null : join(folder, 'engine.cpuprofile')
  return inPlace('sqlite', { environment }, async (place) => {
    const opened = await openEngine(place, warmUp, profile)
    if (!waits) await opened.stub.begin()
    const subject = subjectOn(place, opened, profile !== null)
    try {
      return await run(subject)
    } finally {
      await opened.close()
    }
  })
}

interface Opened {
  readonly engine: EngineClient
  readonly stub: EmbeddedSubject['stub']
  close(): Promise<void>
}

/** With the template that `makeNotifications` names; the stages stand still until the stub begins. */
async function openEngine(place: Place, warmUp: number, profile: string | null): Promise<Opened> {
  const name = `carillon-bench-${uuid()}`
  const channel = new BroadcastChannel(name)
  const stub: EmbeddedSubject['stub'] = createBirpc(
    {},
    {
      post: (message) => channel.postMessage(message),
      on: (listener) => {
        channel.onmessage = (event) => listener((event as MessageEvent).data)
      },
      timeout: -1,
    },
  )
  // The log is kept whole, to be counted.
  const retention = { ...place.config.retention, logBytes: Number.MAX_SAFE_INTEGER }
  const config = { ...place.config, retention }
  const data: StubThreadData = { config, databaseFile: databaseFileOf(place), channel: name, warmUp, profile }
  const thread = new URL('./stub-engine-thread.js', import.meta.url)
  const engine = await startEngine(data, () => undefined, thread)
  // What is asked of a thread that died would else wait for ever.
  void engine.died.then((error) => stub.$close(error))
  channel.unref()
  await engine.putTemplate('default', orderShipped, 0)
  let closing: Promise<void> | null = null
  const close = async () => {
    // What has not begun cannot end.
    await stub.begin()
    await engine.close()
    channel.close()
  }
  return {
    ...{ engine, stub },
    close() {
      closing ??= close()
      return closing
    },
  }
}

function subjectOn(place: Place, { engine, stub, close }: Opened, isProfiled: boolean): EmbeddedSubject {
  let memory = watchMemory()
  const ended = endedInSqlite(databaseFileOf(place))
  const watch = async (): Promise<Watch> => {
    const fromThreadMs = await stub.threadTimeMs()
    return {
      fromMs: monotonicMs(),
      async stop(count) {
        const micros = perNotification(fromThreadMs, await stub.threadTimeMs(), count)
        return { cpuMicros: micros === null ? {} : { engine: micros }, lines: [] }
      },
    }
  }
  return {
    stub,
    lay: (count, priority) =>
      layBacklog(count, (notifications) => engine.accept({ notifications, claim: null }), { priority }),
    async begin() {
      memory.stop()
      memory = watchMemory()
      const watched = await watch()
      await stub.begin()
      return watched
    },
    async send(number, channel, priority = 'normal') {
      const notifications = makeNotifications(number, 1, priority, channel)
      await engine.accept({ notifications, claim: null })
      return notifications[0]?.id ?? ''
    },
    slow: (channel, answersAfterMs) => stub.slow(channel, answersAfterMs),
    // They have not begun.
    halt: async () => undefined,
    resume: () => stub.begin(),
    watch,
    ended: (count, progress) => allEnded(ended, count, progress),
    async finish(accepted) {
      const rssMiB = memory.stop()
      const shares = isProfiled ? await stub.writeProfile() : {}
      const report = await stub.report()
      await close()
      const tally = await tallyRun(place, { accepted }, [report], await ended.ids())
      await ended.close()
      return { calledAtMs: report.firstAtMs, tally, rssMiB, shares }
    },
  }
}
