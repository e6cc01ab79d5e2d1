#!/usr/bin/env node
/** `npm run faults`: kills Carillon at random under load and looks what was lost. Ends with one JSON line. */
import { Command, InvalidArgumentError, Option } from 'commander'
import { complain, printText } from '../pipeline/command-line/terminal.js'
import { type FaultsOptions, type FaultsReport, faults } from './faults-run.js'

interface Options extends FaultsOptions {
  readonly engine: string
  readonly json?: boolean
}

/** What a failed run left behind may hold the process no longer than this. */
const lingerMs = 1000

const program = new Command('faults')
  .description('Kills a real `carillon start` with SIGKILL, again and again under load, and counts what became of all.')
  .addOption(new Option('--engine <engine>', 'the log').choices(['sqlite', 'kafka']).default('sqlite'))
  .option('--kills <n>', 'how often', whole, 20)
  .option('--count <n>', 'notifications to send', whole, 5000)
  .option('--seed <s>', 'repeats the same moments', whole, 1)
  .option('--json', 'print nothing but the JSON line')
  .action(run)

process.exitCode = await program.parseAsync().then(
  () => process.exitCode ?? 0,
  (error: unknown) => {
    complain(error instanceof Error ? (error.stack ?? error.message) : String(error))
    return 1
  },
)
setTimeout(() => process.exit(), lingerMs).unref()

async function run({ engine, json, ...options }: Options): Promise<void> {
  if (engine === 'kafka') {
    complain('Faults do not run on Kafka yet: this version has only the sqlite engine.')
    process.exitCode = 2
    return
  }
  const report = await faults(options)
  for (const line of report.lost) complain(line)
  if (!json) printText(`${summaryOf(report)}\n`)
  if (report.run.lost > 0 || report.unexplained > 0) process.exitCode = 1
  printText(`${JSON.stringify(report.run)}\n`)
}

function summaryOf({ run, unexplained }: FaultsReport): string {
  const { accepted, terminal, kills, lost, distinctKeys, duplicateProviderCalls } = run
  return [
    `${accepted} accepted, ${terminal} ended, over ${kills} kills; lost ${lost}`,
    `the receiver saw ${distinctKeys} keys and ${duplicateProviderCalls} repeated calls, ${unexplained} without a kill between`,
  ].join('\n')
}

function whole(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('It must be a whole number.')
  return value
}
