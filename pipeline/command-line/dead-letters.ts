/** `carillon dead-letters`: what stages gave up, and how to put it back. */
import { type Command, InvalidArgumentError } from 'commander'
import { z } from 'zod'
import { connect } from './client.js'
import { CommandFailed, exitCodes } from './exit.js'
import { complain, print, printJson, printTable } from './terminal.js'

interface ListOptions {
  readonly stage?: string
  readonly cause?: string
  readonly limit: number
  readonly cursor?: string
  readonly json?: boolean
}

const deadLetter = z.looseObject({
  id: z.string(),
  at: z.string(),
  stage: z.string(),
  cause: z.string(),
  detail: z.string(),
  status: z.string(),
  notificationId: z.string().optional(),
})
const page = z.object({ data: z.array(deadLetter), nextCursor: z.string().nullable() })

export function addDeadLetters(program: Command): void {
  const group = program.command('dead-letters').description('what stages could not take')
  group
    .command('list')
    .description('list dead letters, newest first')
    .option('--stage <name>', 'only those of this stage')
    .option('--cause <code>', 'only those of this cause')
    .option('--limit <number>', 'at most so many, 1 to 1000', pageSize, 50)
    .option('--cursor <cursor>', 'go on where an earlier list ended')
    .option('--json', 'print the answer as JSON')
    .action(list)
  group
    .command('show')
    .description('show one with its headers and its decoded record, as JSON')
    .argument('<id>')
    .action(async (id: string) => printJson(await connect()({ method: 'GET', path: pathOf(id) }, deadLetter)))
  group
    .command('replay')
    .description('put dead letters back at the head of the pipeline')
    .argument('<id...>')
    .action(replay)
}

async function list({ json, limit, ...filters }: ListOptions): Promise<void> {
  const query = new URLSearchParams({ ...filters, limit: String(limit) })
  const { data, nextCursor } = await connect()({ method: 'GET', path: `/v1/dead-letters?${query}` }, page)
  if (json) return printJson({ data, nextCursor })
  if (data.length === 0) return print('There are no dead letters.')
  printTable([
    ['ID', 'AT', 'STAGE', 'STATUS', 'CAUSE', 'DETAIL'],
    ...data.map(({ id, at, stage, status, cause, detail }) => [id, at, stage, status, cause, detail]),
  ])
  if (nextCursor !== null) complain(`There are more: --cursor ${nextCursor}`)
}

/** One that cannot be replayed does not hold up the others. */
async function replay(ids: readonly string[]): Promise<void> {
  const client = connect()
  let refused = 0
  for (const id of ids) {
    try {
      await client({ method: 'POST', path: `${pathOf(id)}/replay` }, z.unknown())
      print(`replayed ${id}`)
    } catch (error) {
      if (!(error instanceof CommandFailed) || error.exitCode !== exitCodes.failed) throw error
      complain(`${id}: ${error.message}`)
      refused += 1
    }
  }
  if (refused > 0) throw new CommandFailed(`${refused} of ${ids.length} could not be replayed.`, exitCodes.failed)
}

function pathOf(id: string): string {
  return `/v1/dead-letters/${encodeURIComponent(id)}`
}

function pageSize(value: string): number {
  const size = /^\d{1,4}$/.test(value) ? Number(value) : 0
  if (size >= 1 && size <= 1000) return size
  throw new InvalidArgumentError('It must be 1 to 1000.')
}
