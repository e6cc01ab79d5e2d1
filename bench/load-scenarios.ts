/** Scenarios that send at a rate, on either engine. */
import { onEmbedded } from './embedded-subject.js'
import { onKafka } from './kafka-subject.js'
import type { Percentiles } from './latency.js'
import { inPhase, type Load, latenciesOf, phaseStartMs, runLoad, usualFrom, warmUpSeconds } from './load.js'
import type { BenchChannel } from './notifications.js'
import type { Engine } from './place.js'
import { type Measured, rate, rounded, scenario, seconds } from './scenario.js'
import type { Subject, SubjectSetUp } from './subject.js'

/** Latency is as usual again when it is at most so many times what 99 % had before. */
const usualTimes = 2
/** What waited is worked off when notifications are called within so long again. */
const caughtUpMs = 1000

export function onSubject<T>(engine: Engine, setUp: SubjectSetUp, run: (subject: Subject) => Promise<T>): Promise<T> {
  return engine === 'sqlite' ? onEmbedded(setUp, run) : onKafka(setUp, run)
}

const burstSeconds = 2
/** What is as usual is judged by so long, or as long as is measured where that is shorter. */
const beforeSeconds = 5

export const burst = scenario({
  name: 'burst',
  says: 'two seconds of many times the rate: how late that makes it, and how soon latency is as usual again',
  takes: {
    rate: { ...rate, usual: { sqlite: 500, kafka: 100 } },
    times: { least: 2, most: 100, usual: 10 },
    seconds,
  },
  takesSeconds: { sqlite: 25, kafka: 45 },
  async run(engine, { rate: ratePerSecond, times, seconds }) {
    const burstRate = ratePerSecond * times
    const phases = [
      { ratePerSecond, seconds: Math.min(warmUpSeconds, seconds) },
      { ratePerSecond, seconds: Math.min(beforeSeconds, seconds) },
      { ratePerSecond: burstRate, seconds: burstSeconds },
      { ratePerSecond, seconds },
    ]
    const load = await onSubject(engine, {}, (subject) => runLoad(subject, { phases }))
    const [, before, during, after] = phases.map((_, phase) => latenciesOf(inPhase(load, phase)))
    const overMs = phaseStartMs(load.served, 3)
    const usualMs = usualTimes * (before?.p99 ?? 0)
    const usualAtMs = usualFrom(load.served, overMs, usualMs)
    const backMs = usualAtMs === null ? null : rounded(usualAtMs - overMs)
    return toldLoad(load, { before, during, after, usualMs: rounded(usualMs, 1), backToUsualMs: backMs }, [
      `${ratePerSecond} a second, then ${burstRate} for ${burstSeconds} s, then ${ratePerSecond} for ${seconds} s`,
      `before the burst ${told(before)}; in it ${told(during)}; after it ${told(after)}`,
      backMs === null
        ? `not within ${rounded(usualMs, 1)} ms again while the load lasted`
        : `within ${rounded(usualMs, 1)} ms again ${backMs} ms after the burst (to a quarter of a second)`,
    ])
  },
})

export const backlogRecovery = scenario({
  name: 'backlog-recovery',
  says: 'the stages stand still while notifications come in: how soon they have caught up while more come',
  takes: { rate, down: { least: 0.5, most: 600, usual: 10 }, seconds: { ...seconds, usual: 15 } },
  takesSeconds: { sqlite: 30, kafka: 60 },
  async run(engine, { rate: ratePerSecond, down, seconds }) {
    const phases = [
      { ratePerSecond, seconds: down },
      { ratePerSecond, seconds },
    ]
    let readyMs = 0
    const load = await onHalted(engine, (subject) =>
      runLoad(subject, {
        phases,
        begins: async (phase) => {
          if (phase === 0) return
          const beganMs = performance.now()
          await subject.resume()
          readyMs = performance.now() - beganMs
        },
      }),
    )
    const resumedMs = phaseStartMs(load.served, 1)
    const waited = inPhase(load, 0)
    const workedOffMs = rounded(Math.max(...waited.map(({ calledMs }) => calledMs ?? resumedMs)) - resumedMs)
    const caughtUpAt = usualFrom(load.served, resumedMs, caughtUpMs)
    const caughtUp = caughtUpAt === null ? null : rounded(caughtUpAt - resumedMs)
    const figures = { waited: waited.length, readyMs: rounded(readyMs), workedOffMs, caughtUpMs: caughtUp }
    return toldLoad(load, { ...figures, after: latenciesOf(inPhase(load, 1)) }, [
      `${waited.length} came in over ${down} s while the stages stood still; then ${seconds} s more at ${ratePerSecond} a second`,
      `the stages ran after ${figures.readyMs} ms; what had waited was called after ${workedOffMs} ms`,
      caughtUp === null
        ? `new ones were not called within ${caughtUpMs} ms while the load lasted`
        : `new ones were called within ${caughtUpMs} ms again after ${caughtUp} ms (to a quarter of a second)`,
    ])
  },
})

/** Embedded they have not begun; on Kafka they are stopped when all is warm. */
function onHalted<T>(engine: Engine, run: (subject: Subject) => Promise<T>): Promise<T> {
  return onSubject(engine, { waits: engine === 'sqlite' }, async (subject) => {
    await subject.halt()
    return run(subject)
  })
}

export const slowProvider = scenario({
  name: 'slow-provider',
  says: "one channel's provider answers late, or not in time: the latency of another channel with and without it",
  takes: { rate: { ...rate, usual: 200 }, 'slow-ms': { least: 1, most: 60_000, usual: 2000 }, seconds },
  takesSeconds: { sqlite: 30, kafka: 60 },
  async run(engine, { rate: ratePerSecond, 'slow-ms': slowMs, seconds }) {
    const phases = [
      { ratePerSecond, seconds: Math.min(warmUpSeconds, seconds) },
      { ratePerSecond, seconds },
      { ratePerSecond, seconds },
    ]
    const channelOf = (number: number): BenchChannel => (number % 2 === 0 ? 'push' : 'sms')
    const load = await onSubject(engine, { channels: ['sms', 'push'] }, (subject) =>
      runLoad(subject, {
        ...{ phases, channelOf },
        begins: async (phase) => {
          if (phase === 2) await subject.slow('sms', slowMs)
        },
        over: () => subject.slow('sms', 0),
      }),
    )
    const of = (channel: BenchChannel, phase: number) =>
      latenciesOf(inPhase(load, phase).filter((one) => one.channel === channel))
    const figures = { without: of('push', 1), with: of('push', 2), slowChannel: of('sms', 2) }
    return toldLoad(load, figures, [
      `${ratePerSecond} a second, half of them text messages, whose provider then takes ${slowMs} ms to answer`,
      `push without it ${told(figures.without)}; with it ${told(figures.with)}`,
      `the text messages meanwhile ${told(figures.slowChannel)}`,
    ])
  },
})

/** Figures with what every load tells. */
export function toldLoad({ tally, rssMiB }: Load, figures: object, summary: readonly string[]): Measured {
  const { lost, duplicates } = tally
  return {
    result: { ...figures, lost, duplicates, rssMiB },
    summary: [...summary, `memory at most ${rssMiB} MiB`],
    tally,
  }
}

export function told(latency: (Percentiles & { readonly max: number }) | undefined): string {
  return latency ? `p50 ${latency.p50}, p99 ${latency.p99}, at most ${latency.max} ms` : ''
}
