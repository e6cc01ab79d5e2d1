#!/usr/bin/env node
/** `npm run bench`: how fast, how late, how large; and whether anything was lost or done twice.
 *  Ends with one JSON line on standard output. */
import { Command, InvalidArgumentError, Option } from 'commander'
import { printText } from '../pipeline/command-line/terminal.js'
import { type Result, saveMedian } from './results.js'
import { type BenchOptions, type Scenario, scenarioOf } from './scenarios.js'

interface Options extends Omit<BenchOptions, 'processes'> {
  readonly processes?: 'six' | 'one'
  readonly engine: string
  readonly json?: boolean
  readonly save?: boolean
}

/** What a failed run left behind may hold the process no longer than this. */
const lingerMs = 1000

const program = new Command('bench')
  .description('Measures Carillon. The provider is a stub that answers at once and keeps its own count.')
  .addOption(new Option('--engine <engine>', 'the log').choices(['sqlite', 'kafka']).default('sqlite'))
  .option('--count <n>', 'notifications to drain; with --priority the low ones before the high', whole, 100_000)
  .option('--rate <r>', 'send so many a second instead, and measure latency', positive)
  .option('--seconds <s>', 'how long to send, with --rate and --ingest', positive, 10)
  .option('--ingest', 'measure what HTTP takes in')
  .option('--contract', 'measure what clients of contract C see, over HTTP')
  .option('--priority', 'measure 100 high-priority ones behind a backlog of low ones')
  .option('--backlog <n>', 'measure memory and start with so many waiting', whole)
  .addOption(new Option('--processes <how>', 'on Kafka: a process for each stage, or one').choices(['six', 'one']))
  .option('--scaling', 'on Kafka: measure 1, 2 and 4 processes of deliver with a slow provider')
  .option('--soak <s>', 'on Kafka: watch memory for so many seconds at --rate, 500 unless said', positive)
  .option('--profile <folder>', 'on Kafka: write a profile of each process there')
  .option('--save', 'run three times and keep the median in bench/results')
  .option('--json', 'print nothing but the JSON line')
  .action(run)

process.exitCode = await program.parseAsync().then(
  () => process.exitCode ?? 0,
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    return 1
  },
)
setTimeout(() => process.exit(), lingerMs).unref()

async function run(options: Options): Promise<void> {
  const scenario = options.engine === 'kafka' ? await onKafka(options) : onSqlite(options)
  const result = options.save ? await saved(options.engine, scenario) : await measured(options, scenario)
  printText(`${JSON.stringify(result)}\n`)
}

function onSqlite({ processes: _, ...options }: Options): Scenario {
  return scenarioOf(options)
}

/** Imported only here: the other engine does without Kafka's library. */
async function onKafka(options: Options): Promise<Scenario> {
  const { kafkaScenarioOf } = await import('./kafka-scenarios.js')
  const { processes, ...rest } = options
  return kafkaScenarioOf({ ...rest, processes: processes === 'one' ? 1 : 6 }, options.json !== true)
}

async function measured({ engine, json }: Options, scenario: Scenario): Promise<Result> {
  const { result, summary, sound } = await scenario.run()
  if (!json) printText(`${summary}\n`)
  if (!sound) process.exitCode = 1
  return { engine, ...result }
}

function saved(engine: string, { name, figure }: Scenario): Promise<Result> {
  const args = process.argv.slice(2).filter((argument) => argument !== '--save' && argument !== '--json')
  return saveMedian(engine, name, figure, args)
}

function whole(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number above 0.')
  return value
}

function positive(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value < 1e6)) throw new InvalidArgumentError('It must be a number above 0.')
  return value
}
