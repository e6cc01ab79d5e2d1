/** What can be measured on Kafka, and how it is told. */
import { printText } from '../pipeline/command-line/terminal.js'
import { onBroker } from './kafka-broker.js'
import { kafkaChain } from './kafka-chain.js'
import { type KafkaRun, kafkaDrain, type ProcessUse } from './kafka-drain.js'
import { kafkaRate } from './kafka-rate.js'
import { deliverScaling } from './kafka-scaling.js'
import { kafkaSoak, type SoakUse } from './kafka-soak.js'
import type { Result } from './results.js'
import {
  type BenchOptions,
  bareCountBesideRate,
  contractScenario,
  type Measured,
  rounded,
  type Scenario,
  toldRun,
} from './scenarios.js'

export function kafkaScenarioOf(options: BenchOptions, tells: boolean): Scenario {
  const { count, rate, seconds, processes: number = 6, profile, soak } = options
  const setUp = profile === undefined ? {} : { profiles: profile }
  const unknown = (['ingest', 'priority', 'backlog'] as const).find((name) => options[name] !== undefined)
  if (unknown) throw new Error(`--${unknown} is measured with --engine sqlite only`)
  if (options.contract) return contractScenario('kafka', seconds)
  if (options.scaling) return { name: 'scaling', figure: 'ratioOfFour', run: () => scaling(seconds) }
  if (soak !== undefined) {
    const run = () => soaked(kafkaSoak({ ...setUp, ratePerSecond: rate ?? 500, seconds: soak, sampled: teller(tells) }))
    return { name: 'soak', figure: 'rssMiB', run }
  }
  if (rate !== undefined) {
    const run = () => stages(kafkaRate({ ...setUp, ratePerSecond: rate, seconds }), bareCountBesideRate, 6)
    return { name: `rate-${rate}`, figure: 'latencyMs.p95', run }
  }
  const run = () => stages(kafkaDrain({ ...setUp, count, processes: number }), count, number)
  return { name: number === 6 ? 'drain' : 'drain-one-process', figure: 'perSecond', run }
}

async function stages(running: Promise<KafkaRun>, bareCount: number, processes: 1 | 6): Promise<Measured> {
  const run = await running
  const bare = await onBroker(({ brokers }) => kafkaChain({ brokers, count: bareCount, processes }))
  return toldRun(run, bare.perSecond, processesTold(run.processes))
}

/** Where others are at work on the machine this says more than the clock on the wall. */
function processesTold(processes: readonly ProcessUse[]): string[] {
  const all = processes.reduce((sum, { cpuMicros }) => sum + cpuMicros, 0)
  return [
    `processor time each, in all ${rounded(all)} µs:`,
    ...processes.map(
      ({ name, cpuMicros, rssMiB, commits, commitMs }) =>
        `  ${name.padEnd(24)} ${rounded(cpuMicros, 1)} µs, at most ${rssMiB} MiB, ${commits} commits of ${rounded(commitMs, 1)} ms`,
    ),
  ]
}

async function scaling(seconds: number): Promise<Measured> {
  const steps = (await deliverScaling(seconds)).map(({ processes, perSecond, ratio }) => ({
    ...{ processes, perSecond: rounded(perSecond, 1), ratio: rounded(ratio, 2) },
  }))
  return {
    result: { steps, ratioOfFour: steps.at(-1)?.ratio ?? 0 },
    summary: steps
      .map(({ processes, perSecond, ratio }) => `${processes} of deliver: ${perSecond} calls/s, ${ratio} times one`)
      .join('\n'),
    sound: true,
  }
}

async function soaked(running: Promise<Readonly<Record<string, SoakUse>>>): Promise<Measured> {
  const processes = await running
  const lines = Object.entries(processes).map(
    ([name, { settled, last, highest }]) =>
      `${name.padEnd(24)} ${settled} MiB after a third, ${last} at the end, ${highest} at most`,
  )
  const rssMiB = Math.max(...Object.values(processes).map(({ highest }) => highest))
  return { result: { rssMiB, processes } satisfies Result, summary: lines.join('\n'), sound: true }
}

function teller(tells: boolean) {
  return (atSeconds: number, sizes: Readonly<Record<string, number>>): void => {
    if (!tells) return
    const each = Object.entries(sizes).map(([name, size]) => `${name} ${size}`)
    printText(`${String(atSeconds).padStart(5)} s, MiB: ${each.join(', ')}\n`)
  }
}
