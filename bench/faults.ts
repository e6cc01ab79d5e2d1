#!/usr/bin/env node
/** `npm run faults`: kills Carillon at random under load and looks what was lost. Ends with one JSON line. */
import { Command, InvalidArgumentError, Option } from 'commander'
import { complain, printText } from '../pipeline/cli/terminal.js'
import { type FaultsOptions, type FaultsReport, faults } from './faults-run.js'
import { recoveries } from './kafka-recovery.js'
import type { Engine } from './place.js'
import type { Tally } from './tally.js'

interface Options extends FaultsOptions {
  readonly engine: Engine
  readonly json?: boolean
  readonly recovery?: boolean
}

/** What a failed run left behind may hold the process no longer than this. */
const lingerMs = 1000

const program = new Command('faults')
  .description('Kills a real Carillon with SIGKILL, again and again under load, and counts what became of all.')
  .addOption(new Option('--engine <engine>', 'the log').choices(['sqlite', 'kafka']).default('sqlite'))
  .option('--kills <n>', 'how often', whole, 20)
  .option('--count <n>', 'notifications to send', whole, 5000)
  .option('--seed <s>', 'repeats the same moments', whole, 1)
  .option('--recovery', 'on Kafka: kill each stage once instead, and measure how long it stands still')
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

async function run({ engine, json, recovery, ...options }: Options): Promise<void> {
  if (recovery) return recover(engine, json === true)
  const report = await faults(engine, options)
  for (const line of [...report.lost, ...placesTold(report.topics?.places ?? [])]) complain(line)
  if (!json) printText(`${summaryOf(report)}\n`)
  if (report.run.lost + report.unexplained + (report.topics?.duplicates ?? 0) > 0) process.exitCode = 1
  printText(`${JSON.stringify(report.run)}\n`)
}

function placesTold(places: Tally['places']): string[] {
  const wrong = places.filter(({ missing, extra }) => missing + extra > 0)
  return wrong.map(({ name, missing, extra }) => `${name}: missing ${missing}, extra ${extra}`)
}

async function recover(engine: Engine, json: boolean): Promise<void> {
  if (engine !== 'kafka') throw new Error('--recovery is measured with --engine kafka only')
  const found = await recoveries()
  for (const { stage, withSlot: own, withoutSlot: any } of json ? [] : found) {
    const told = `${own.firstMs} ms with a slot (up after ${own.readyMs}), ${any.firstMs} ms without (${any.readyMs})`
    printText(`${stage.padEnd(24)} first record again after ${told}\n`)
  }
  printText(`${JSON.stringify(found)}\n`)
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
