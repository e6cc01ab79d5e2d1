/** Runs that are told in words of their own: their figures for the JSON line, and lines for a person. */
import { contract } from './contract.js'
import { ingest } from './ingest.js'
import { kafkaRestore, restoredStages } from './kafka-restore.js'
import { deliverScaling } from './kafka-scaling.js'
import { kafkaSoak } from './kafka-soak.js'
import type { Percentiles } from './latency.js'
import { priority } from './priority.js'
import { type Choices, type Measured, rounded, tenths, UnknownOption } from './scenario.js'
import type { Engine } from './subject.js'
import { waiting } from './waiting.js'

export async function ingestion(engine: Engine, seconds: number): Promise<Measured> {
  const { singleMs, singleCpuMicros, batchCpuMicros, lost, duplicates, ...run } = await ingest(engine, seconds)
  const batchPerSecond = rounded(run.batchPerSecond)
  const singlePerSecond = rounded(run.singlePerSecond)
  const cpuMicros = { single: tenths(singleCpuMicros), batch: tenths(batchCpuMicros) }
  return {
    result: { batchPerSecond, singlePerSecond, singleP99Ms: rounded(singleMs.p99, 1), lost, duplicates },
    more: { singleMs, cpuMicros },
    summary: [
      `batches of 1000: ${batchPerSecond} notifications/s durably accepted; ${costs(cpuMicros.batch)}`,
      `single requests at 64 connections: ${singlePerSecond}/s, p50 ${singleMs.p50}, p99 ${singleMs.p99} ms; ${costs(cpuMicros.single)}`,
    ],
    tally: { lost, duplicates },
  }
}

export async function contractSeen(engine: Engine, seconds: number): Promise<Measured> {
  const run = await contract(engine, seconds)
  const told = ({ p50, p95, p99 }: Percentiles) => `p50 ${p50}, p95 ${p95}, p99 ${p99} ms`
  const { missing, repeats, singleMs } = run
  return {
    result: { ...run, singlePerSecond: rounded(run.singlePerSecond), lost: missing, duplicates: repeats },
    summary: [
      `one notification a request, 64 connections: ${rounded(run.singlePerSecond)}/s, p50 ${singleMs.p50}, p99 ${singleMs.p99} ms`,
      `a batch of 1000: ${told(run.batchMs)}`,
      `from created to its webhook, at 60 a second: ${told(run.sentMs)}; missing ${missing}, repeated ${repeats}`,
      `from a change to ${run.watchers} watchers: ${told(run.toldMs)}`,
    ],
    tally: { lost: missing, duplicates: repeats },
  }
}

export async function overtaking(backlog: number): Promise<Measured> {
  const { tally, ...result } = await priority(backlog)
  const { p50, p95, p99, max } = result.latencyMs
  const { lost, duplicates } = tally
  return {
    result: { ...result, lost, duplicates },
    summary: [
      `${result.sent} high ones behind ${backlog} low ones, from accept to provider in ms:`,
      `p50 ${p50}, p95 ${p95}, p99 ${p99}, max ${max}; ${result.lowAccepted} low ones were accepted in all`,
    ],
    tally,
  }
}

/** A start on what is stored; on Kafka of the stage, or of both whose state can grow large. */
export async function restored(engine: Engine, count: number, stage: string | undefined): Promise<Measured> {
  if (engine === 'kafka') return restoredFromChangelogs(count, stage)
  if (stage !== undefined) throw new UnknownOption('The embedded engine has one file for all stages')
  const { acceptedPerSecond, readyMs, ...run } = await waiting(count)
  const result = { ...run, acceptedPerSecond: rounded(acceptedPerSecond), readyMs: rounded(readyMs) }
  return {
    result,
    summary: [
      `${count} waiting, ${result.inThrottle} of them in throttle: memory at most ${result.rssMiB} MiB; accepted at ${result.acceptedPerSecond}/s`,
      `a start on them is ready after ${result.readyMs} ms, with ${result.rssAfterStartMiB} MiB`,
    ],
    tally: result,
  }
}

async function restoredFromChangelogs(count: number, stage: string | undefined): Promise<Measured> {
  const stages = restoredStages.filter((one) => stage === undefined || stage === one)
  if (stages.length === 0) throw new UnknownOption(`--stage of restore is one of ${restoredStages.join(', ')}`)
  const figures: Record<string, unknown> = {}
  const summary: string[] = []
  const tally = { lost: 0, duplicates: 0 }
  for (const one of stages) {
    const { lost, duplicates, ...run } = await kafkaRestore(one, count)
    const { entries, kept, restored: without } = run
    figures[one] = { ...run, restoreMs: without.allMs - kept.allMs }
    tally.lost += lost
    tally.duplicates += duplicates
    summary.push(
      `${one} on ${entries} entries: at work in all partitions after ${without.allMs} ms, ${kept.allMs} with its local state`,
      `  its first record after ${without.firstMs} ms, ${kept.firstMs} with its local state; the process was up after ${without.readyMs}`,
    )
  }
  return { result: { count, ...figures, ...tally }, summary, tally }
}

export async function scaled(seconds: number): Promise<Measured> {
  const steps = (await deliverScaling(seconds)).map(({ perSecond, ratio, ...step }) => ({
    ...{ ...step, perSecond: rounded(perSecond, 1), ratio: rounded(ratio, 2) },
  }))
  // Its backlog outlasts it: what was not called yet is not lost.
  const tally = { lost: 0, duplicates: steps.reduce((sum, { duplicates }) => sum + duplicates, 0) }
  return {
    result: { steps, ratioOfFour: steps.at(-1)?.ratio ?? 0, ...tally },
    summary: steps.map(
      ({ processes, perSecond, ratio }) => `${processes} of deliver: ${perSecond} calls/s, ${ratio} times one`,
    ),
    tally,
  }
}

export async function soaked(ratePerSecond: number, seconds: number, { profile, tell }: Choices): Promise<Measured> {
  const sampled = (atSeconds: number, sizes: Readonly<Record<string, number>>) => {
    const each = Object.entries(sizes).map(([name, size]) => `${name} ${size}`)
    tell?.(`${String(atSeconds).padStart(5)} s, MiB: ${each.join(', ')}`)
  }
  const { uses: processes, tally } = await kafkaSoak({ profiles: profile, ratePerSecond, seconds, sampled })
  const rssMiB = Math.max(...Object.values(processes).map(({ highest }) => highest))
  return {
    result: { rssMiB, processes, lost: tally.lost, duplicates: tally.duplicates },
    summary: Object.entries(processes).map(
      ([name, { settled, last, highest }]) =>
        `${name.padEnd(24)} ${settled} MiB after a third, ${last} at the end, ${highest} at most`,
    ),
    tally,
  }
}

export function costs(cpuMicros: Readonly<Record<string, number>>): string {
  return `µs of processor time each: ${Object.entries(cpuMicros)
    .map(([name, micros]) => `${name} ${micros}`)
    .join(', ')}`
}
