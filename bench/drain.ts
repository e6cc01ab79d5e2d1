/** The six stages, at a backlog or at a rate, beside the bare chain, which is their limit; and what passes a backlog. */
import { mkdirSync } from 'node:fs'
import { bareChain } from './bare-chain.js'
import { onEmbedded } from './embedded-subject.js'
import { kafkaChain } from './kafka-chain.js'
import { monotonicMs, type Percentiles, percentilesOf } from './latency.js'
import { inPhase, latenciesOf, runLoad, warmUpSeconds } from './load.js'
import { onSubject } from './load-scenarios.js'
import { deliveryKey } from './notifications.js'
import type { Engine } from './place.js'
import { progressBar } from './run.js'
import { costs, count, type Measured, rate, rounded, scenario, seconds, tenths } from './scenario.js'
import type { CpuMicros, Finished } from './subject.js'

/** Notifications of the bare chain beside a run at a steady rate, which has no backlog of its own. */
const bareCountBesideRate = 20_000
/** Through the stages before a backlog counts: as many compile what is hot. */
const maxWarmUp = { sqlite: 5000, kafka: 2000 }

export const drain = scenario({
  name: 'drain',
  says: 'a backlog through six stages, from requested to recorded, and the bare chain beside it',
  takes: { count },
  words: ['processes', 'profile'],
  takesSeconds: { sqlite: 60, kafka: 110 },
  async run(engine, { count }, { processes: how, profile }) {
    const processes = how === 'one' ? 1 : 6
    if (profile !== undefined) mkdirSync(profile, { recursive: true })
    const warmUp = Math.min(count, maxWarmUp[engine])
    const { shares, ...run } = await onSubject(engine, { waits: true, warmUp, processes, profile }, async (subject) => {
      const accepted = await subject.lay(count)
      const watch = await subject.begin()
      const bar = progressBar('six stages', count)
      const endedMs = await subject.ended(count, (ended) => bar.update(Math.min(count, ended)))
      bar.stop()
      const use = await watch.stop(count)
      const took = (endedMs - watch.fromMs) / 1000
      return { ...(await subject.finish(accepted)), ...use, count, seconds: took, latencyMs: null }
    })
    const sharesTold = Object.entries(shares ?? {}).map(
      ([part, share]) => `  ${part.padEnd(32)} ${rounded(share * 100, 1)} %`,
    )
    const measured = told(run, await bare(engine, count, processes), sharesTold)
    return profile === undefined || !shares ? measured : { ...measured, more: { ...measured.more, shares } }
  },
})

export const steady = scenario({
  name: 'steady',
  says: 'latency at a steady rate, from the intended send time to the provider, and the bare chain beside it',
  takes: { rate, seconds },
  takesSeconds: { sqlite: 20, kafka: 50 },
  async run(engine, { rate: ratePerSecond, seconds }) {
    const phases = [
      { ratePerSecond, seconds: Math.min(warmUpSeconds, seconds) },
      { ratePerSecond, seconds },
    ]
    const load = await onSubject(engine, {}, (subject) => runLoad(subject, { phases }))
    const measured = inPhase(load, 1)
    const took = (load.endedMs - (measured[0]?.intendedMs ?? load.endedMs)) / 1000
    const { max, ...latencyMs } = latenciesOf(measured)
    const run = { ...load, count: measured.length, seconds: took, latencyMs, lines: [] }
    const figures = told(run, await bare(engine, bareCountBesideRate, 6), [`latency at most ${max} ms`])
    return { ...figures, more: { ...figures.more, latencyMaxMs: max } }
  },
})

interface Bare {
  readonly perSecond: number
  /** Processor time of all its hops for each notification; null where the system does not tell. */
  readonly cpuMicros: number | null
}

function bare(engine: Engine, count: number, processes: 1 | 6): Promise<Bare> {
  return engine === 'kafka' ? kafkaChain(count, processes) : bareChain(count)
}

/** What the six stages did. */
interface StagesRun extends Pick<Finished, 'tally' | 'rssMiB'> {
  readonly count: number
  readonly seconds: number
  readonly latencyMs: Percentiles | null
  readonly cpuMicros: CpuMicros
  readonly lines: readonly string[]
}

function told(run: StagesRun, bare: Bare, lines: readonly string[]): Measured {
  const { tally, count, latencyMs, rssMiB } = run
  const { lost, duplicates } = tally
  const seconds = rounded(run.seconds, 3)
  const perSecond = rounded(count / run.seconds)
  const bareChainPerSecond = rounded(bare.perSecond)
  const cpuMicros = tenths(run.cpuMicros)
  const cpuMicrosInAll = rounded(
    Object.values(cpuMicros).reduce((sum, micros) => sum + micros, 0),
    1,
  )
  const bareCpuMicros = bare.cpuMicros === null ? null : rounded(bare.cpuMicros, 1)
  return {
    result: { count, seconds, perSecond, lost, duplicates, latencyMs, rssMiB, bareChainPerSecond },
    more: { cpuMicros, cpuMicrosInAll, bareCpuMicros },
    summary: [
      `${count} notifications through six stages in ${seconds} s: ${perSecond}/s`,
      `bare chain ${bareChainPerSecond}/s; ratio ${rounded(count / run.seconds / bare.perSecond, 2)}`,
      ...(latencyMs ? [`latency ms: p50 ${latencyMs.p50}, p95 ${latencyMs.p95}, p99 ${latencyMs.p99}`] : []),
      ...[...run.lines, ...lines, costs(cpuMicros)],
      `in all ${cpuMicrosInAll} µs; bare chain ${bareCpuMicros ?? 'unknown'} µs`,
      `memory at most ${rssMiB} MiB`,
    ],
    tally,
  }
}

const sent = 100

export const priority = scenario({
  name: 'priority',
  says: '100 high ones behind a backlog of low ones',
  takes: { count },
  takesSeconds: { sqlite: 90 },
  run: (_, { count: backlog }) =>
    onEmbedded({ waits: true }, async (subject) => {
      const { stub } = subject
      const low = await subject.lay(backlog, 'low')
      await subject.begin()
      // The first low one through shows that the stages are at work on the backlog.
      await stub.called(deliveryKey(low[0] ?? ''))
      const high: string[] = []
      const tookMs: number[] = []
      const bar = progressBar('high', sent)
      while (high.length < sent) {
        const workedOff = (await stub.sent()) - high.length
        low.push(...(await subject.lay(backlog + workedOff - low.length, 'low')))
        // From the request to accept until the provider is called.
        const startedMs = monotonicMs()
        const id = await subject.send(low.length + high.length, 'sms', 'high')
        tookMs.push((await stub.called(deliveryKey(id))) - startedMs)
        high.push(id)
        bar.update(high.length)
      }
      bar.stop()
      await subject.ended(low.length + sent)
      const { tally } = await subject.finish([...low, ...high])
      const { lost, duplicates } = tally
      const latencyMs = percentilesOf(tookMs)
      const { p50, p95, p99, max } = latencyMs
      return {
        result: { backlog, sent, latencyMs, lowAccepted: low.length, lost, duplicates },
        summary: [
          `${sent} high ones behind ${backlog} low ones, from accept to provider in ms:`,
          `p50 ${p50}, p95 ${p95}, p99 ${p99}, max ${max}; ${low.length} low ones were accepted in all`,
        ],
        tally,
      }
    }),
})
