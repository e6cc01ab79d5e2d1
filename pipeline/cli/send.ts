/** `carillon send`: asks for one notification, and may wait for its end. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { z } from 'zod'
import { finalStatuses, notificationStatuses } from '../../schemas/record.js'
import { type Channel, channels, lanes } from '../../schemas/streams.js'
import { type Client, connect } from './client.js'
import { CommandFailed, exitCodes } from './exit.js'
import { parsedJson, print, printJson, readJsonInput } from './terminal.js'

interface SendOptions {
  readonly to?: string
  readonly channel?: readonly Channel[]
  readonly template?: string
  readonly data?: string
  readonly subject?: string
  readonly body?: string
  readonly priority?: string
  readonly sendAt?: string
  readonly idempotencyKey?: string
  readonly wait?: string
  readonly json?: boolean
}

/** A request's body, as far as the command looks into it. */
type Request = Record<string, unknown>

const one = z.looseObject({ id: z.string(), status: z.enum(notificationStatuses) })
const several = z.looseObject({ batchId: z.string() })
const record = one.extend({
  deliveries: z.array(
    z.looseObject({
      channel: z.string(),
      provider: z.string().optional(),
      status: z.string(),
      attempts: z.array(z.looseObject({ error: z.string().optional() })),
    }),
  ),
  timeline: z.array(z.looseObject({ reason: z.string().optional(), detail: z.string().optional() })),
})

/** Ends that are what the sender wanted, or may well have. */
const good: ReadonlySet<string> = new Set(['delivered', 'sent', 'simulated', 'duplicate'])

export function addSend(program: Command): void {
  program
    .command('send')
    .description('send a notification')
    .argument('[input]', '"-" reads the request from standard input, as JSON; options win over it', onlyDash)
    .option('--to <recipient>', 'recipient id, or JSON with addresses like {"email": "ann@example.org"}', onlyOne)
    .addOption(
      new Option('--channel <channel>', `one of ${channels.join(', ')}; may be given more than once`).argParser(
        collect,
      ),
    )
    .option('--template <id>', 'template to render')
    .option('--data <json>', "the template's variables, a JSON object")
    .option('--subject <text>', 'subject, without a template')
    .option('--body <text>', 'text, without a template')
    .addOption(new Option('--priority <priority>', 'the lane').choices(lanes))
    .option('--send-at <time>', 'not before this time, with an offset, like 2030-01-31T09:00:00+01:00')
    .option('--idempotency-key <key>', 'a second request with this key gets the answer of the first')
    .option('--wait <seconds>', 'wait for its end, 1s to 60s; exit code 1 unless it was sent, or simulated', waitTime)
    .option('--json', 'print the answer as JSON')
    .action(async (input: string | undefined, options: SendOptions) => send(input === '-', options))
}

async function send(fromInput: boolean, options: SendOptions): Promise<void> {
  const request = { ...(fromInput ? asRequest(await readJsonInput()) : {}), ...requestOf(options) }
  const isBatch = 'notifications' in request
  if (!isBatch && !('to' in request)) throw new CommandFailed('Say who gets it: --to <recipient>', exitCodes.usage)
  if (options.wait && (isBatch || Array.isArray(request.to))) {
    throw new CommandFailed('--wait is for one notification', exitCodes.usage)
  }
  const client = connect()
  const answer = await client(
    {
      method: 'POST',
      path: isBatch ? '/v1/notifications/batch' : '/v1/notifications',
      body: request,
      headers: options.idempotencyKey === undefined ? {} : { 'idempotency-key': options.idempotencyKey },
    },
    z.union([one, several]),
  )
  if (options.wait && 'id' in answer) return waitForEnd(client, String(answer.id), options.wait, options.json === true)
  if (options.json) printJson(answer)
  else print('id' in answer ? `${answer.status} ${answer.id}` : `accepted batch ${answer.batchId}`)
}

async function waitForEnd(client: Client, id: string, wait: string, json: boolean): Promise<void> {
  const path = `/v1/notifications/${encodeURIComponent(id)}?wait=${wait}`
  const found = await client({ method: 'GET', path, waitMs: Number.parseInt(wait, 10) * 1000 }, record)
  if (json) printJson(found)
  else {
    print(`${found.status} ${found.id}`)
    for (const { channel, provider, status, attempts } of found.deliveries) {
      const error = attempts.at(-1)?.error
      print(`  ${channel}${provider ? ` by ${provider}` : ''}: ${status}${error ? ` (${error})` : ''}`)
    }
    if (found.status === 'simulated') print('Nothing was sent: no provider carries it. GET /v1/outbox has the message.')
  }
  if (!finalStatuses.has(found.status)) {
    throw new CommandFailed(`It has not ended within ${wait}; it is still under way.`, exitCodes.failed)
  }
  if (!good.has(found.status)) {
    const why = found.timeline.findLast(({ reason }) => reason !== undefined)
    const reason = why ? `: ${[why.reason, why.detail].filter(Boolean).join(', ')}` : ''
    throw new CommandFailed(`It was not sent${reason}`, exitCodes.failed)
  }
}

/** The body that the options ask for; what is not given is left out. */
function requestOf(options: SendOptions): Request {
  const { to, channel, template, data, subject, body, priority, sendAt } = options
  const content = { ...(subject === undefined ? {} : { subject }), ...(body === undefined ? {} : { body }) }
  return {
    ...(to === undefined ? {} : { to: /^\s*[[{]/.test(to) ? parsedJson(to, '--to') : to }),
    ...(channel === undefined ? {} : { channels: channel }),
    ...(template === undefined ? {} : { template }),
    ...(data === undefined ? {} : { data: parsedJson(data, '--data') }),
    ...(Object.keys(content).length === 0 ? {} : { content }),
    ...(priority === undefined ? {} : { priority }),
    ...(sendAt === undefined ? {} : { sendAt }),
  }
}

function asRequest(input: unknown): Request {
  if (typeof input === 'object' && input !== null && !Array.isArray(input)) return { ...input }
  throw new CommandFailed('Standard input is not a JSON object', exitCodes.usage)
}

function onlyDash(value: string): string {
  if (value === '-') return value
  throw new InvalidArgumentError('Only "-" is allowed, for standard input.')
}

/** The last of several would be sent to, and nobody told of the others. */
function onlyOne(value: string, before: string | undefined): string {
  if (before !== undefined) throw new InvalidArgumentError('It may be given once; for several, give ["ann","bob"].')
  return value
}

function collect(value: string, before: readonly Channel[] = []): readonly Channel[] {
  const channel = channels.find((known) => known === value)
  if (!channel) throw new InvalidArgumentError(`Allowed choices are ${channels.join(', ')}.`)
  return [...before, channel]
}

function waitTime(value: string): string {
  if (/^(?:[1-9]|[1-5]\d|60)s$/.test(value)) return value
  throw new InvalidArgumentError('It must be 1s to 60s.')
}
