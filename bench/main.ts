#!/usr/bin/env node
/** `npm run bench`: how fast, how late, how large; and whether anything was lost or done twice.
 *  Ends with one JSON line on standard output. */
import { Command, InvalidArgumentError, Option } from 'commander'
import { complain, printText } from '../pipeline/cli/terminal.js'
import type { Engine } from './place.js'
import { readResults } from './results.js'
import { repeat } from './runner.js'
import { type Asked, knobs, type Measured, type Scenario } from './scenario.js'
import { scenarioHelp, scenarioNamed, scenarios } from './scenario-list.js'

type Options = Omit<Asked, 'tell'> & {
  readonly engine: Engine
  readonly scenario?: string
  readonly all?: boolean
  readonly runs?: number
  readonly save?: boolean
  readonly compare?: string
  readonly json?: boolean
  readonly slowMs?: number
} & Shorthands

/** Other names of scenarios, older than `--scenario`. */
const shorthands = ['ingest', 'priority', 'contract', 'scaling'] as const
type Shorthands = Readonly<Partial<Record<(typeof shorthands)[number], boolean>>> & {
  readonly backlog?: number
  readonly soak?: number
}

/** What a failed run left behind may hold the process no longer than this. */
const lingerMs = 1000
/** Saved figures are of so many runs at least. */
const savedRunsLeast = 3
const maxRuns = 100

// Ended from outside, it takes the broker that it started with it.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1))

const program = new Command('bench')
  .description('Measures Carillon. The provider is a stub that answers at once and keeps its own count.')
  .addOption(new Option('--engine <engine>', 'the log').choices(['sqlite', 'kafka']).default('sqlite'))
  .option('--scenario <name>', 'what is measured, see below; drain unless said, steady with --rate')
  .option('--all', 'every scenario of the engine, one after the other, with its usual options')
  .option('--runs <n>', 'so many runs, each in a process of its own: least, middle and most of every figure', runCount)
  .option('--save', `keep them in bench/results; ${savedRunsLeast} runs unless --runs says more`)
  .option('--compare <file>', 'with earlier results: how much each figure differs, and whether more than its runs')
  .addOption(new Option('--processes <how>', 'on Kafka: a process for each stage, or one').choices(['six', 'one']))
  .option('--stage <name>', 'of rebalance and restore')
  .option('--profile <folder>', "write a profile of each process, or of the engine's thread, there")
  .option('--json', 'print nothing but the JSON line')
for (const [knob, says] of Object.entries(knobs)) program.option(`--${knob} <n>`, says, positive)
for (const name of shorthands) program.addOption(new Option(`--${name}`, `--scenario ${name}`).hideHelp())
program
  .addOption(new Option('--backlog <n>', '--scenario restore --count n').argParser(positive).hideHelp())
  .addOption(new Option('--soak <s>', '--scenario soak --seconds s').argParser(positive).hideHelp())
  .addHelpText('after', scenarioHelp())
  .action(run)

process.exitCode = await program.parseAsync().then(
  () => process.exitCode ?? 0,
  (error: unknown) => {
    complain(error instanceof Error ? (error.stack ?? error.message) : String(error))
    return 1
  },
)
setTimeout(() => process.exit(), lingerMs).unref()

async function run(options: Options): Promise<void> {
  const { engine, all, json, save = false, compare, runs = save ? savedRunsLeast : 1 } = options
  if (save && runs < savedRunsLeast) throw new Error(`--save needs at least ${savedRunsLeast} runs`)
  const tell = (line: string) => {
    if (!json) printText(`${line}\n`)
  }
  const { scenario, asked } = chosen(options)
  if (!all && !save && compare === undefined && options.runs === undefined)
    return once(options, scenario, { ...asked, tell })
  const earlier = compare === undefined ? null : readResults(compare)
  const repeated = []
  for (const one of all ? scenarios.filter(({ engines }) => engines.includes(engine)) : [scenario]) {
    const told = await repeat(engine, one, all ? {} : asked, { runs, save, earlier, tell })
    if (told.lost + told.duplicates > 0) process.exitCode = 1
    repeated.push(told)
  }
  printText(`${JSON.stringify(all ? { engine, scenarios: repeated } : repeated[0])}\n`)
}

/** One run, in this process. */
async function once({ engine, scenario: named }: Options, scenario: Scenario, asked: Asked): Promise<void> {
  const measured = await scenario.run(engine, asked)
  const { lost, duplicates } = measured.tally
  for (const line of toldRun(measured)) asked.tell?.(line)
  if (lost + duplicates > 0) process.exitCode = 1
  // Asked for in the old way it says what the outside contract says, and no more.
  const told = named === undefined ? measured.result : { scenario: named, ...measured.result, ...measured.more }
  printText(`${JSON.stringify({ engine, ...told })}\n`)
}

function toldRun({ summary, tally }: Measured): string[] {
  const { lost, duplicates, places = [] } = tally
  return [
    ...summary,
    `lost ${lost}, duplicates ${duplicates}`,
    ...places.map(({ name, missing, extra }) => `  ${name.padEnd(24)} missing ${missing}, extra ${extra}`),
  ]
}

/** The scenario, and the options for it. One that is named takes its own options only; in the old way those that it
 *  does not take are for others. */
function chosen(options: Options): { scenario: Scenario; asked: Asked } {
  const { processes, stage, profile, count, rate, seconds, times, down, slowMs, backlog, soak } = options
  const asked: Asked = { ...{ processes, stage, profile, count, rate, seconds, times, down }, 'slow-ms': slowMs }
  if (options.scenario !== undefined) return { scenario: scenarioNamed(options.scenario), asked: given(asked) }
  const scenario = scenarioNamed(shorthandOf(options))
  const old: Asked = { ...asked, count: backlog ?? count, seconds: soak ?? seconds }
  const takes = (name: string) => name in scenario.takes || scenario.words.some((word) => word === name)
  return { scenario, asked: Object.fromEntries(Object.entries(given(old)).filter(([name]) => takes(name))) }
}

function shorthandOf(options: Options): string {
  const { backlog, soak, rate } = options
  const named = shorthands.find((name) => options[name])
  if (named !== undefined) return named
  if (backlog !== undefined) return 'restore'
  if (soak !== undefined) return 'soak'
  return rate === undefined ? 'drain' : 'steady'
}

function given(asked: Asked): Asked {
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined))
}

function runCount(text: string): number {
  const value = positive(text)
  if (!Number.isInteger(value) || value > maxRuns)
    throw new InvalidArgumentError(`It must be a whole number up to ${maxRuns}.`)
  return value
}

function positive(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value < 1e7)) throw new InvalidArgumentError('It must be a number above 0.')
  return value
}
