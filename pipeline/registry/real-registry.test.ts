/** With a real registry, by the very command, and with the client that most upstreams in JavaScript use. */
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NotificationRequested } from '../../schemas/events.js'
import { requested } from '../../schemas/outgoing.js'
import { topicOf } from '../../schemas/streams.js'
import { notification } from '../../testing/engine/worker-under-test.js'
import { registryUrl } from '../../testing/registry/shared-registry-under-test.js'
import type { LogRecord } from '../engine/log.js'
import { type OpenCodec, openCodec } from './open-codec.js'
import { ownSchemas } from './subjects.js'

const main = join(import.meta.dirname, '..', 'cli', 'main.js')
const folder = mkdtempSync(join(tmpdir(), 'carillon-real-registry-'))
let url = ''
let missing: string | null = null
let opened: OpenCodec | undefined

beforeAll(async () => {
  const found = await registryUrl()
  if (found.url === null) missing = found.missing
  else url = found.url
}, 400_000)
afterAll(async () => {
  await opened?.close()
  rmSync(folder, { recursive: true })
})

function carillon(args: readonly string[], environment: Record<string, string> = { CARILLON_REGISTRY: url }) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    env: { PATH: process.env.PATH, ...environment },
    encoding: 'utf8',
  })
  return { code: status, out: stdout, err: stderr.replaceAll(url || 'no registry', 'URL') }
}

/** The codec of a process that starts after the schemas were registered. */
async function codec(): Promise<OpenCodec['codec']> {
  carillon(['schemas', 'register'])
  const access = { url, username: null, password: null, caFile: null, timeoutMs: 30_000, autoRegister: false }
  opened ??= await openCodec({ registry: access, folder, nowMs: Date.now, warn: () => undefined })
  return opened.codec
}

function recordOf(value: Buffer): LogRecord {
  const topic = topicOf('notifications.requested', 'high', null)
  return { topic, key: null, value, headers: {}, timestampMs: 0, partition: 0, offset: 0 }
}

describe('with a real registry', () => {
  test('the command registers every schema once, and finds them', async (context) => {
    if (missing) context.skip(missing)
    const first = carillon(['schemas', 'register', '--json'])
    expect({ code: first.code, err: first.err }).toEqual({ code: 0, err: '' })
    const registered: { subject: string; id: number; version: number }[] = JSON.parse(first.out)
    expect(registered.map(({ subject }) => subject)).toEqual(ownSchemas().map(({ subject }) => subject))
    const again = carillon(['schemas', 'register'])
    const { subject = '', id, version } = registered[0] ?? {}
    expect(again).toEqual({ code: 0, err: '', out: expect.stringMatching(/^SUBJECT +ID +VERSION +STATE\n/) })
    expect(again.out.split('\n')[1]?.split(/ +/)).toEqual([subject, String(id), String(version), 'known'])
    const checked = carillon(['schemas', 'check', '--json'])
    expect([checked.code, JSON.parse(checked.out).map(({ state }: { state: string }) => state)]).toEqual([
      0,
      registered.map(() => 'known'),
    ])
  }, 120_000)

  test('what the usual client writes is read, and it reads what is written here', async (context) => {
    if (missing) context.skip(missing)
    const reading = await codec()
    const client = new SchemaRegistry({ host: url })
    const value = notification(randomUUID())
    const own = ownSchemas().find(({ event }) => event === 'notification-requested')
    // Its own subject and its own text: other ids than Carillon's.
    const added = '{"name":"campaign","type":["null","string"],"default":null}'
    const schema = (own?.text ?? '').replace('"fields":[', `"fields":[${added},`)
    const subject = `upstream-${randomUUID()}-value`
    const { id } = await client.register({ type: SchemaType.AVRO, schema }, { subject })
    const theirs = recordOf(await client.encode(id, { campaign: 'spring', ...value }))
    await reading.learn([theirs])
    expect(reading.decode(theirs, ['notification-requested']).value).toEqual(value)

    const ours = Buffer.from(reading.encode(requested(value), 0).value ?? [])
    const read: NotificationRequested = await client.decode(ours)
    expect({ ...read }).toEqual({ ...value, to: expect.objectContaining(value.to) })
  }, 120_000)

  test('an id that it does not have is poison', async (context) => {
    if (missing) context.skip(missing)
    const reading = await codec()
    const record = recordOf(Buffer.from([0, 0x7f, 0xff, 0xff, 0xff, 0]))
    await reading.learn([record])
    expect(() => reading.decode(record, ['notification-requested'])).toThrow(
      expect.objectContaining({ code: 'unknown-schema' }),
    )
  }, 120_000)
})

describe('without one', () => {
  test('the commands tell what is missing by their exit code and one line', () => {
    const nowhere = { CARILLON_REGISTRY: 'http://ann:hunter2@127.0.0.1:1/apis/ccompat/v7' }
    const away =
      'The schema registry at http://127.0.0.1:1/apis/ccompat/v7 cannot be reached (ECONNREFUSED). Start it, or set CARILLON_REGISTRY to where it is.\n'
    expect([
      carillon(['schemas', 'register'], nowhere),
      carillon(['schemas', 'check'], nowhere),
      carillon(['schemas', 'register'], {}),
    ]).toEqual([
      { code: 3, out: '', err: away },
      { code: 3, out: '', err: away },
      { code: 2, out: '', err: 'Set CARILLON_REGISTRY to where the schema registry is.\n' },
    ])
    const offline = carillon(['schemas', 'check', '--offline', '--json'], nowhere)
    expect([offline.code, JSON.parse(offline.out)[0].releasedId]).toEqual([0, expect.any(Number)])
  }, 60_000)
})
