/** `carillon lag`: how far each stage is behind. On Kafka it asks Kafka itself, so it tells even when nothing of Carillon
 *  runs; otherwise it asks the running Carillon. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { loadKafkaConfig } from '../config/config.js'
import { CommandFailed, exitCodes } from './exit.js'
import { httpLag, kafkaLag, type LagSource, type ToldLag } from './lag-sources.js'
import { partitionTable, stageTable } from './lag-tables.js'
import { complain, printJson, printTable } from './terminal.js'

interface Options {
  readonly json?: boolean
  readonly byPartition?: boolean
  /** Seconds; true: as usual. */
  readonly watch?: number | true
}

const watchEverySeconds = 5
const watchMostSeconds = 3600
const clearScreen = '\u001b[2J\u001b[H'

export function addLag(program: Command): void {
  program
    .command('lag')
    .description(
      'show how far each stage is behind; with CARILLON_LOG=kafka://… Kafka is asked, else a running Carillon',
    )
    .option('--by-partition', 'on Kafka: every partition where something waits, or was lost')
    .option('--watch [seconds]', 'show it again and again', parseSeconds)
    .option('--json', 'print the answer as JSON')
    .action(async (options: Options) => {
      const source = sourceOf(options)
      try {
        await (options.watch === undefined ? once(source, options) : watch(source, options, options.watch))
      } finally {
        await source.close()
      }
    })
}

function sourceOf({ byPartition }: Options): LagSource {
  const kafka = loadKafkaConfig()
  if (kafka) return kafkaLag(kafka)
  if (!byPartition) return httpLag()
  throw new CommandFailed(
    '--by-partition asks Kafka: set CARILLON_LOG to kafka://host:port. A running Carillon tells of lanes.',
    exitCodes.usage,
  )
}

async function once(source: LagSource, options: Options): Promise<void> {
  show(await source.ask(), options)
}

/** Ends with a signal. What cannot be told now may be the next time. */
async function watch(source: LagSource, options: Options, seconds: number | true): Promise<never> {
  const everyMs = (seconds === true ? watchEverySeconds : seconds) * 1000
  for (;;) {
    const begunMs = performance.now()
    try {
      await once(source, options)
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error
      complain(error.message)
    }
    await sleep(Math.max(0, everyMs - (performance.now() - begunMs)))
  }
}

function show(told: ToldLag, { json, byPartition, watch }: Options): void {
  if (json) {
    printJson(byPartition ? told.answer : withoutPartitions(told.answer))
    return
  }
  if (watch !== undefined && process.stdout.isTTY) process.stdout.write(clearScreen)
  printTable(byPartition ? partitionTable(told.partitions) : stageTable(told.stages))
  for (const problem of told.problems) complain(problem)
}

function withoutPartitions(answer: object): object {
  return Object.fromEntries(Object.entries(answer).filter(([key]) => key !== 'partitions'))
}

function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= watchMostSeconds) return seconds
  throw new InvalidArgumentError(`It must be a number of seconds from 1 to ${watchMostSeconds}.`)
}
