/** What can be measured, and how it is told. */
import { bareChain } from './bare-chain.js'
import { contract } from './contract.js'
import { drain, type Percentiles, type StagesRun } from './drain.js'
import { ingest } from './ingest.js'
import { priority } from './priority.js'
import { steadyRate } from './rate.js'
import type { Result } from './results.js'
import { waiting } from './waiting.js'

export interface BenchOptions {
  readonly count: number
  readonly rate?: number
  readonly seconds: number
  readonly ingest?: boolean
  readonly priority?: boolean
  readonly contract?: boolean
  readonly backlog?: number
  /** Those that follow are for Kafka only. */
  readonly processes?: 1 | 6
  readonly scaling?: boolean
  /** How many seconds. */
  readonly soak?: number
  /** A folder for profiles of processor time. */
  readonly profile?: string
}

export interface Scenario {
  readonly name: string
  /** Path of the figure that the median is taken of. */
  readonly figure: string
  run(): Promise<Measured>
}

/** What a scenario came to. */
export interface Measured {
  /** For the JSON line. */
  readonly result: Result
  /** For a person. */
  readonly summary: string
  /** False: something was lost or done twice. */
  readonly sound: boolean
}

/** Notifications of the bare chain beside a run at a steady rate, which has no backlog of its own. */
export const bareCountBesideRate = 20_000

export function scenarioOf({ count, rate, seconds, backlog, ...asked }: BenchOptions): Scenario {
  if (asked.ingest) return { name: 'ingest', figure: 'batchPerSecond', run: () => ingestion(seconds) }
  if (asked.contract) return contractScenario('sqlite', seconds)
  if (asked.priority) return { name: 'priority', figure: 'latencyMs.p99', run: () => overtaking(count) }
  if (backlog !== undefined) return { name: 'backlog', figure: 'rssMiB', run: () => memoryAndStart(backlog) }
  if (rate === undefined) return { name: 'drain', figure: 'perSecond', run: () => stages(drain(count), count) }
  const run = () => stages(steadyRate(rate, seconds), bareCountBesideRate)
  return { name: `rate-${rate}`, figure: 'latencyMs.p95', run }
}

async function stages(running: Promise<StagesRun>, bareCount: number): Promise<Measured> {
  const run = await running
  const bare = await bareChain(bareCount)
  return toldRun(run, bare.perSecond, threadTimes(run.threadMicros, bare.threadMicros))
}

/** A run of the six stages beside the bare chain. */
export function toldRun(
  { tally, count, latencyMs, rssMiB, ...run }: Omit<StagesRun, 'threadMicros'>,
  barePerSecond: number,
  costs: readonly string[],
): Measured {
  const { lost, duplicates } = tally
  const seconds = rounded(run.seconds, 3)
  const perSecond = rounded(run.perSecond)
  const bareChainPerSecond = rounded(barePerSecond)
  const lines = [
    `${count} notifications through six stages in ${seconds} s: ${perSecond}/s`,
    `bare chain ${bareChainPerSecond}/s; ratio ${rounded(perSecond / barePerSecond, 2)}`,
    ...costs,
    ...(latencyMs ? [`latency ms: p50 ${latencyMs.p50}, p95 ${latencyMs.p95}, p99 ${latencyMs.p99}`] : []),
    `memory at most ${rssMiB} MiB; lost ${lost}, duplicates ${duplicates}`,
    ...tally.places.map(({ name, missing, extra }) => `  ${name.padEnd(24)} missing ${missing}, extra ${extra}`),
  ]
  return {
    result: { count, seconds, perSecond, lost, duplicates, latencyMs, rssMiB, bareChainPerSecond },
    summary: lines.join('\n'),
    sound: lost === 0 && duplicates === 0,
  }
}

/** Where others are at work on the machine this says more than the clock on the wall. */
function threadTimes(engine: number | null, bare: number | null): string[] {
  if (engine === null || bare === null) return []
  const ratio = rounded(bare / engine, 2)
  return [
    `processor time each: engine's thread ${rounded(engine, 1)} µs, bare chain ${rounded(bare, 1)} µs; ratio ${ratio}`,
  ]
}

async function ingestion(seconds: number): Promise<Measured> {
  const run = await ingest(seconds)
  const result = {
    batchPerSecond: rounded(run.batchPerSecond),
    singlePerSecond: rounded(run.singlePerSecond),
    singleP99Ms: rounded(run.singleP99Ms, 1),
  }
  const summary = [
    `batches of 1000: ${result.batchPerSecond} notifications/s durably accepted`,
    `single requests at 64 connections: ${result.singlePerSecond}/s, p99 ${result.singleP99Ms} ms`,
  ]
  return { result, summary: summary.join('\n'), sound: true }
}

/** On either engine. */
export function contractScenario(engine: 'sqlite' | 'kafka', seconds: number): Scenario {
  return { name: 'contract', figure: 'singlePerSecond', run: () => contractSeen(engine, seconds) }
}

async function contractSeen(engine: 'sqlite' | 'kafka', seconds: number): Promise<Measured> {
  const run = await contract(engine, seconds)
  const told = ({ p50, p95, p99 }: Percentiles) => `p50 ${p50}, p95 ${p95}, p99 ${p99} ms`
  const summary = [
    `one notification a request, 64 connections: ${rounded(run.singlePerSecond)}/s, ${told(run.singleMs)}`,
    `a batch of 1000: ${told(run.batchMs)}`,
    `from created to its webhook, at 60 a second: ${told(run.sentMs)}; missing ${run.missing}, repeated ${run.repeats}`,
    `from a change to ${run.watchers} watchers: ${told(run.toldMs)}`,
  ]
  const result = { ...run, singlePerSecond: rounded(run.singlePerSecond) }
  return { result, summary: summary.join('\n'), sound: run.missing + run.repeats === 0 }
}

async function overtaking(backlog: number): Promise<Measured> {
  const result = await priority(backlog)
  const { p50, p95, p99, max } = result.latencyMs
  const summary = [
    `${result.sent} high ones behind ${backlog} low ones, from accept to provider in ms:`,
    `p50 ${p50}, p95 ${p95}, p99 ${p99}, max ${max}; ${result.lowAccepted} low ones were accepted in all`,
  ]
  return { result: { ...result }, summary: summary.join('\n'), sound: true }
}

async function memoryAndStart(count: number): Promise<Measured> {
  const { acceptedPerSecond, readyMs, ...run } = await waiting(count)
  const result = { ...run, acceptedPerSecond: rounded(acceptedPerSecond), readyMs: rounded(readyMs) }
  const summary = [
    `${count} waiting, ${result.inThrottle} of them in throttle: memory at most ${result.rssMiB} MiB; accepted at ${result.acceptedPerSecond}/s`,
    `a start on them is ready after ${result.readyMs} ms, with ${result.rssAfterStartMiB} MiB`,
  ]
  return { result, summary: summary.join('\n'), sound: true }
}

/** To so many digits after the point. */
export function rounded(value: number, digits = 0): number {
  return Number(value.toFixed(digits))
}
