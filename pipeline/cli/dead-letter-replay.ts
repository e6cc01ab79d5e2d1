/** `carillon dead-letters replay`: puts dead letters back, named ones or all that match, at a rate.
 *
 *  Each is put back once however often it is asked, so a run that broke off is simply run again. */
import { setTimeout as sleep } from 'node:timers/promises'
import { SingleBar } from 'cli-progress'
import { type Command, InvalidArgumentError } from 'commander'
import { z } from 'zod'
import { type Client, connect } from './client.js'
import { CommandFailed, exitCodes } from './exit.js'
import { complain, print, printTable } from './terminal.js'

interface ReplayOptions {
  readonly stage?: string
  readonly cause?: string
  readonly from?: string
  readonly to?: string
  readonly dryRun?: boolean
  readonly rate: number
  readonly limit?: number
}

/** Letters by second, unless said. */
const rateDefault = 100
const maxRate = 10_000
const maxLimit = 1_000_000
/** One request asks for so many at most, and pauses come between requests. */
const maxPage = 100
/** Carillon waits so long for a letter's verdict. */
const verdictWaitMs = 2000

const verdict = z.looseObject({ status: z.string() })
const letter = z.looseObject({ status: z.string(), replayable: z.boolean().optional() })
const requestedPage = z.looseObject({ requested: z.number(), nextCursor: z.string().nullable() })
const dryRun = z.looseObject({
  matching: z.number(),
  complete: z.boolean(),
  groups: z.array(z.looseObject({ stage: z.string(), cause: z.string(), count: z.number() })),
  ids: z.array(z.string()),
})

export function addReplay(group: Command): void {
  group
    .command('replay')
    .description('put dead letters back where they were given up: those named, or all that match')
    .argument('[id...]')
    .option('--stage <name>', 'those of this stage')
    .option('--cause <code>', 'those of this cause')
    .option('--from <time>', 'those given up at or after, like 2030-01-31T09:00:00+01:00')
    .option('--to <time>', 'those given up before')
    .option('--dry-run', 'only tell what would be put back')
    .option('--rate <number>', `at most so many a second, 1 to ${maxRate}`, numberTo(maxRate), rateDefault)
    .option('--limit <number>', 'at most so many, the newest', numberTo(maxLimit))
    .action(async (ids: readonly string[], options: ReplayOptions) => {
      const { stage, cause, from, to } = options
      const filter = Object.fromEntries(
        Object.entries({ stage, cause, from, to }).filter(([, value]) => value !== undefined),
      )
      const isFiltered = Object.keys(filter).length > 0
      if (isFiltered === ids.length > 0) {
        const message = 'Say which: either ids, or at least one of --stage, --cause, --from, --to'
        throw new CommandFailed(message, exitCodes.usage)
      }
      return isFiltered ? replayMatching(filter, options) : replayNamed(ids, options)
    })
}

/** One that cannot be replayed does not hold up the others. */
async function replayNamed(ids: readonly string[], { dryRun = false, rate, limit }: ReplayOptions): Promise<void> {
  const client = connect()
  const wanted = ids.slice(0, limit)
  let refused = 0
  for (const [index, id] of wanted.entries()) {
    if (index > 0) await sleep(1000 / rate)
    try {
      print(dryRun ? await foretold(client, id) : await replayOne(client, id))
    } catch (error) {
      if (!(error instanceof CommandFailed) || error.exitCode !== exitCodes.failed) throw error
      complain(`${id}: ${error.message}`)
      refused += 1
    }
  }
  if (refused > 0) throw new CommandFailed(`${refused} of ${wanted.length} could not be replayed.`, exitCodes.failed)
}

async function replayOne(client: Client, id: string): Promise<string> {
  const path = `${pathOf(id)}/replay`
  const { status } = await client({ method: 'POST', path, waitMs: verdictWaitMs }, verdict)
  return status === 'replayed' ? `replayed ${id}` : `asked for ${id}; not decided yet`
}

async function foretold(client: Client, id: string): Promise<string> {
  const { status, replayable = true } = await client({ method: 'GET', path: pathOf(id) }, letter)
  if (status === 'dead' && replayable) return `would replay ${id}`
  throw new CommandFailed(status === 'dead' ? 'its bytes make no notification' : `it is ${status}`, exitCodes.failed)
}

async function replayMatching(filter: object, options: ReplayOptions): Promise<void> {
  const client = connect()
  const path = '/v1/dead-letters/replay'
  const found = await client({ method: 'POST', path, body: { ...filter, dryRun: true } }, dryRun)
  const { matching, complete, groups, ids } = found
  if (matching === 0) return print('Nothing matches.')
  const count = `${complete ? '' : 'more than '}${matching}`
  if (options.dryRun) {
    printTable([['STAGE', 'CAUSE', 'COUNT'], ...groups.map(({ stage, cause, count }) => [stage, cause, String(count)])])
    print(`Would replay ${atMost(count, options.limit, matching)}, beginning with ${ids[0] ?? 'none'}`)
    return
  }
  const asked = await replayPages(client, path, filter, options, matching)
  print(`asked for ${asked}`)
}

function atMost(count: string, limit: number | undefined, matching: number): string {
  return limit === undefined || limit >= matching ? count : `${limit} of ${count}`
}

/** Turns the pages at the rate; returns how many letters they named. */
async function replayPages(
  client: Client,
  path: string,
  filter: object,
  { rate, limit = maxLimit }: ReplayOptions,
  matching: number,
): Promise<number> {
  const bar = new SingleBar({ format: '{bar} {value} of {total}', stream: process.stderr, noTTYOutput: false })
  bar.start(Math.min(limit, matching), 0)
  let asked = 0
  let cursor: string | null = null
  try {
    do {
      const startedMs = performance.now()
      const size = Math.min(maxPage, rate, limit - asked)
      const body: object = { ...filter, limit: size, ...(cursor !== null && { cursor }) }
      const page: z.output<typeof requestedPage> = await client({ method: 'POST', path, body }, requestedPage)
      asked += page.requested
      cursor = page.nextCursor
      bar.update(asked)
      const pauseMs = startedMs + (1000 * page.requested) / rate - performance.now()
      if (cursor !== null && asked < limit && pauseMs > 0) await sleep(pauseMs)
    } while (cursor !== null && asked < limit)
  } catch (error) {
    bar.stop()
    if (asked > 0) complain(`${asked} were asked for before this; run it again for the rest.`)
    throw error
  }
  bar.stop()
  return asked
}

function pathOf(id: string): string {
  return `/v1/dead-letters/${encodeURIComponent(id)}`
}

function numberTo(most: number) {
  return (value: string): number => {
    const number = /^\d{1,7}$/.test(value) ? Number(value) : 0
    if (number >= 1 && number <= most) return number
    throw new InvalidArgumentError(`It must be 1 to ${most}.`)
  }
}
