/** `carillon dead-letters`: what stages gave up. Putting it back is `dead-letter-replay.ts`. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { z } from 'zod'
import { connect } from './client.js'
import { addReplay } from './dead-letter-replay.js'
import { complain, print, printJson, printTable } from './terminal.js'

interface ListOptions {
  readonly stage?: string
  readonly cause?: string
  readonly status?: string
  readonly from?: string
  readonly to?: string
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
    .addOption(new Option('--status <status>', 'only those of this status').choices(['dead', 'replayed', 'parked']))
    .option('--from <time>', 'only those given up at or after, like 2030-01-31T09:00:00+01:00')
    .option('--to <time>', 'only those given up before')
    .option('--limit <number>', 'at most so many, 1 to 1000', pageSize, 50)
    .option('--cursor <cursor>', 'go on where an earlier list ended')
    .option('--json', 'print the answer as JSON')
    .action(list)
  group
    .command('show')
    .description('show one with its headers and its decoded record, as JSON')
    .argument('<id>')
    .action(async (id: string) => {
      const path = `/v1/dead-letters/${encodeURIComponent(id)}`
      printJson(await connect()({ method: 'GET', path }, deadLetter))
    })
  addReplay(group)
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

function pageSize(value: string): number {
  const size = /^\d{1,4}$/.test(value) ? Number(value) : 0
  if (size >= 1 && size <= 1000) return size
  throw new InvalidArgumentError('It must be 1 to 1000.')
}
