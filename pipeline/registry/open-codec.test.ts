import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { cancel } from '../../schemas/outgoing.js'
import { type RegistryServer, startRegistryServer } from '../../testing/registry/registry-server-under-test.js'
import { startProblem } from '../cli/start.js'
import type { RegistryConfig } from '../config/registry.js'
import { createCodec, PoisonError } from '../engine/codec.js'
import type { LogRecord } from '../engine/log.js'
import { type OpenCodec, openCodec } from './open-codec.js'
import { ownSchemas } from './subjects.js'

const command = { id: 'n-1', tenant: 't', recipient: 'user', correlationId: '', requestedAtMs: 0 }
const event = cancel(command, 'notifications.requested', 'high')
const subject = 'carillon.CancelRequested'

const opened: OpenCodec[] = []
let server: RegistryServer
let folder: string
let warnings: string[]

beforeEach(async () => {
  server = await startRegistryServer()
  folder = mkdtempSync(join(tmpdir(), 'carillon-codec-'))
  warnings = []
})
afterEach(async () => {
  for (const { close } of opened.splice(0)) await close()
  await server.stop()
  rmSync(folder, { recursive: true })
})

async function open(more: Partial<RegistryConfig> = {}) {
  const registry = { ...server.access, autoRegister: false, ...more }
  const warn = (message: string) => void warnings.push(message)
  const codec = await openCodec({ registry, folder, nowMs: () => 0, warn })
  opened.push(codec)
  return codec.codec
}

function registerOwn(): void {
  for (const own of ownSchemas()) server.add(own.subject, own.text)
}

/** An event as another process reads it, under the id that it was written with or another. */
function written(codec: OpenCodec['codec'], id?: number): { record: LogRecord; id: number } {
  const { topic, key, value, headers, timestampMs } = codec.encode(event, 5)
  const bytes = Buffer.from(value ?? [])
  if (id !== undefined) bytes.writeUInt32BE(id, 1)
  return {
    record: { topic, key, value: bytes, headers, timestampMs, partition: 0, offset: 0 },
    id: bytes.readUInt32BE(1),
  }
}

/** What a start that fails prints, with the server's address replaced. */
async function lineOf(work: Promise<unknown>): Promise<string> {
  const line = await work.then(() => 'it started', startProblem)
  return line.replaceAll(server.access.url, 'URL')
}

test('events are written under the registry’s ids, and read back', async () => {
  registerOwn()
  const codec = await open()
  const { record, id } = written(codec)
  expect(id).toBe(server.add(subject, ownSchemas().find((own) => own.subject === subject)?.text ?? ''))
  expect(codec.learn([record])).toBe(null)
  expect(codec.decode(record, ['cancel-requested'])).toEqual({ event: 'cancel-requested', value: command })
})

test('without a registry the ids are the released ones', async () => {
  const codec = await openCodec({ registry: null, folder, nowMs: () => 0, warn: () => undefined })
  expect([written(codec.codec).id, readdirSync(folder)]).toEqual([written(createCodec()).id, []])
})

test('a newer schema, which a registry gave an id of its own, is learnt and read', async () => {
  registerOwn()
  const codec = await open()
  const schema = JSON.parse(ownSchemas().find((own) => own.subject === subject)?.text ?? '')
  const added = { name: 'reason', type: ['null', 'string'], default: null, doc: 'Why.' }
  const newer = server.add(subject, JSON.stringify({ ...schema, fields: [...schema.fields, added] }))
  const { record } = written(codec, newer)
  const withReason = { ...record, value: Buffer.concat([record.value ?? Buffer.alloc(0), Buffer.of(0)]) }
  await codec.learn([withReason])
  expect(codec.decode(withReason, ['cancel-requested']).value).toEqual(command)
})

test('an id that the registry does not know is poison, one that it could not be asked for is not', async () => {
  registerOwn()
  const codec = await open()
  const { record } = written(codec, 4242)
  server.instead = (_, response) => response.writeHead(500).end()
  await expect(codec.learn([record])).rejects.toMatchObject({ code: 'unavailable' })
  expect(() => codec.decode(record, ['cancel-requested'])).toThrow(expect.objectContaining({ code: 'unavailable' }))
  server.instead = null
  await codec.learn([record])
  expect(() => codec.decode(record, ['cancel-requested'])).toThrow(
    new PoisonError('unknown-schema', `The schema registry at ${server.access.url} has no schema with the id 4242`),
  )
})

test('a cold process without its registry does not start, and says so in one line', async () => {
  await server.stop()
  expect(await lineOf(open({ username: 'ann', password: 'hunter2' }))).toBe(
    'The schema registry at URL cannot be reached (ECONNREFUSED). Start it, or set CARILLON_REGISTRY to where it is. (Nothing is remembered of an earlier start with these schemas, so it is needed now.)',
  )
  await server.start()
})

test('a warm process starts without its registry, and reads what it had learnt', async () => {
  registerOwn()
  const first = await open()
  const foreign = server.add('elsewhere', JSON.stringify(JSON.parse(ownSchemas()[2]?.text ?? ''), null, 1))
  await first.learn([written(first, foreign).record])
  await server.stop()
  const second = await open()
  const records = [written(second), written(second, foreign)]
  expect(second.learn(records.map(({ record }) => record))).toBe(null)
  expect(records.map(({ record }) => second.decode(record, ['cancel-requested']).value)).toEqual([command, command])
  expect(records[0]?.id).toBe(written(first).id)
  expect(warnings).toEqual([expect.stringMatching(/^Going on with the schemas of an earlier start\. .*ECONNREFUSED/)])
  await server.start()
})

test('what another registry said, or a damaged file, is no memory', async () => {
  registerOwn()
  await open()
  await server.stop()
  const elsewhere = await lineOf(open({ url: `${server.access.url}/other` }))
  writeFileSync(join(folder, 'schemas.json'), '{"registry":')
  const damaged = await lineOf(open())
  expect([elsewhere, damaged]).toEqual(Array(2).fill(expect.stringContaining('(Nothing is remembered')))
  await server.start()
})

test('a registry that was built anew is believed, and what the old one said is forgotten', async () => {
  registerOwn()
  const first = await open()
  const foreign = server.add('elsewhere', JSON.stringify(JSON.parse(ownSchemas()[2]?.text ?? ''), null, 1))
  await first.learn([written(first, foreign).record])
  const { url } = server.access
  await server.stop()
  const anew = await startRegistryServer(null, 9000, Number(new URL(url).port))
  for (const own of ownSchemas()) anew.add(own.subject, own.text)
  const second = await open()
  const { record } = written(second, foreign)
  await second.learn([record])
  expect([written(second).id >= 9000, anew.calls.at(-1)]).toEqual([true, `GET /registry/schemas/ids/${foreign}`])
  await anew.stop()
  await server.start()
})

test('a schema that is not registered is named with the command that helps, and nothing is registered', async () => {
  registerOwn()
  const without = await startRegistryServer()
  for (const own of ownSchemas()) if (own.subject !== subject) without.add(own.subject, own.text)
  const line = await lineOf(open({ url: without.access.url }))
  expect(line.replace(without.access.url, 'URL')).toBe(
    `The schema registry at URL does not have today’s ${subject}. Run: carillon schemas register`,
  )
  expect(without.calls.filter((call) => call.endsWith('/versions'))).toEqual([])
  await without.stop()
})

test('a process that may register does it when it starts', async () => {
  const codec = await open({ autoRegister: true })
  const { record } = written(codec)
  expect(codec.decode(record, ['cancel-requested']).value).toEqual(command)
  expect(server.calls.filter((call) => call.endsWith('/versions')).length).toBe(ownSchemas().length)
})

test('where nothing can be kept it works and says so', async () => {
  registerOwn()
  const gone = join(folder, 'gone')
  const registry = { ...server.access, autoRegister: false }
  const codec = await openCodec({
    registry,
    folder: gone,
    nowMs: () => 0,
    warn: (message) => void warnings.push(message),
  })
  opened.push(codec)
  expect(codec.codec.decode(written(codec.codec).record, ['cancel-requested']).value).toEqual(command)
  expect(warnings).toEqual([
    `What the schema registry said cannot be kept in ${gone} (ENOENT); the next start needs the registry`,
  ])
})
