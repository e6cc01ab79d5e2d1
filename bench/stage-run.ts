/** The six stages, at a backlog or at a rate, beside the bare chain, which is their limit. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { bareChain } from './bare-chain.js'
import { drain, type StagesRun } from './drain.js'
import { onBroker } from './kafka-broker.js'
import { kafkaChain } from './kafka-chain.js'
import { type KafkaRun, kafkaDrain } from './kafka-drain.js'
import { latenciesOf } from './load.js'
import { inPhase, steadyLoad } from './load-scenarios.js'
import { type Choices, type Measured, rounded, tenths } from './scenario.js'
import type { Engine } from './subject.js'
import { costs } from './told.js'

/** Notifications of the bare chain beside a run at a steady rate, which has no backlog of its own. */
const bareCountBesideRate = 20_000

interface Bare {
  readonly perSecond: number
  /** Processor time of all its hops for each notification; null where the system does not tell. */
  readonly cpuMicros: number | null
}

/** Throughput: a backlog. */
export async function drained(engine: Engine, count: number, { processes: how, profile }: Choices): Promise<Measured> {
  const processes = how === 'one' ? 1 : 6
  if (profile !== undefined) mkdirSync(profile, { recursive: true })
  if (engine === 'kafka') {
    const run = await kafkaDrain({ profiles: profile, count, processes })
    return toldRun(run, await bareOnKafka(count, processes), processesTold(run))
  }
  const run = await drain({ count, profile: profile === undefined ? undefined : join(profile, 'engine.cpuprofile') })
  const measured = toldRun(run, await bareEmbedded(count), sharesTold(run.shares))
  return profile === undefined ? measured : { ...measured, more: { ...measured.more, shares: run.shares } }
}

/** Latency at a rate. */
export async function steady(engine: Engine, ratePerSecond: number, seconds: number): Promise<Measured> {
  const load = await steadyLoad(engine, ratePerSecond, seconds)
  const measured = inPhase(load, 1)
  const count = measured.length
  const took = (load.endedMs - (measured[0]?.intendedMs ?? load.endedMs)) / 1000
  const { max, ...latencyMs } = latenciesOf(measured)
  const run = { ...load, count, seconds: took, perSecond: count / took, latencyMs }
  const bare = engine === 'kafka' ? await bareOnKafka(bareCountBesideRate, 6) : await bareEmbedded(bareCountBesideRate)
  const told = toldRun(run, bare, [`latency at most ${max} ms`])
  return { ...told, more: { ...told.more, latencyMaxMs: max } }
}

async function bareEmbedded(count: number): Promise<Bare> {
  const { perSecond, threadMicros } = await bareChain(count)
  return { perSecond, cpuMicros: threadMicros }
}

async function bareOnKafka(count: number, processes: 1 | 6): Promise<Bare> {
  const chain = await onBroker(({ brokers }) => kafkaChain({ brokers, count, processes }))
  return { perSecond: chain.perSecond, cpuMicros: chain.cpuMicrosPerHop * 6 }
}

function toldRun(run: StagesRun, bare: Bare, lines: readonly string[]): Measured {
  const { tally, count, latencyMs, rssMiB } = run
  const { lost, duplicates } = tally
  const seconds = rounded(run.seconds, 3)
  const perSecond = rounded(run.perSecond)
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
      `bare chain ${bareChainPerSecond}/s; ratio ${rounded(perSecond / bare.perSecond, 2)}`,
      ...(latencyMs ? [`latency ms: p50 ${latencyMs.p50}, p95 ${latencyMs.p95}, p99 ${latencyMs.p99}`] : []),
      ...lines,
      costs(cpuMicros),
      `in all ${cpuMicrosInAll} µs; bare chain ${bareCpuMicros ?? 'unknown'} µs`,
      `memory at most ${rssMiB} MiB`,
    ],
    tally,
  }
}

function processesTold({ processes }: KafkaRun): string[] {
  return processes
    .filter(({ name }) => name !== 'broker')
    .map(
      ({ name, rssMiB, commits, commitMs }) =>
        `  ${name.padEnd(24)} at most ${rssMiB} MiB, ${commits} commits of ${rounded(commitMs, 1)} ms`,
    )
}

function sharesTold(shares: Readonly<Record<string, number>>): string[] {
  return Object.entries(shares).map(([part, share]) => `  ${part.padEnd(32)} ${rounded(share * 100, 1)} %`)
}
