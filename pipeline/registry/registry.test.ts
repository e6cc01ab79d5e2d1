import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import avsc from 'avsc'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type RegistryServer, startRegistryServer } from '../../testing/registry/registry-server-under-test.js'
import { RegistryError } from './exchange.js'
import { openRegistry, type Registry } from './registry.js'

const folder = mkdtempSync(join(tmpdir(), 'carillon-registry-'))
const opened: Registry[] = []
let server: RegistryServer

beforeAll(async () => {
  server = await startRegistryServer()
})
beforeEach(() => {
  server.instead = null
})
afterAll(async () => {
  for (const registry of opened) await registry.close()
  await server.stop()
  rmSync(folder, { recursive: true })
})

function registryAt(more: Partial<RegistryServer['access']> = {}, at = server): Registry {
  const registry = openRegistry({ ...at.access, ...more })
  opened.push(registry)
  return registry
}

/** The error's code and message, with the server's address replaced. */
async function failureOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => 'nothing failed',
    (reason: unknown) => reason,
  )
  if (!(error instanceof RegistryError)) throw error
  return `${error.code}: ${error.message.replaceAll(/https?:\/\/127\.0\.0\.1:\d+\/registry/g, 'URL')}`
}

const person = '{"type":"record","name":"test.Person","fields":[{"name":"name","type":"string"}]}'
const team =
  '{"type":"record","name":"test.Team","fields":[{"name":"members","type":{"type":"array","items":"test.Person"}}]}'

test('a schema is registered, looked up, listed and found by its id', async () => {
  const registry = registryAt()
  const before = [await registry.lookUp('a/b c', person), await registry.versionsOf('a/b c')]
  await registry.register('a/b c', person)
  const place = await registry.lookUp('a/b c', person)
  expect([...before, place]).toEqual([null, [], { id: expect.any(Number), version: 1 }])
  const id = place?.id ?? 0
  expect([await registry.schemaOf(id), await registry.versionsOf('a/b c')]).toEqual([
    { text: person },
    [{ id, version: 1, schema: { text: person } }],
  ])
  expect(await registry.schemaOf(9999)).toEqual({
    problem: `The schema registry at ${server.access.url} has no schema with the id 9999`,
  })
})

test('a schema with references comes with what it refers to inside', async () => {
  server.add('person', person)
  const id = server.add('team', team, { references: [{ name: 'test.Person', subject: 'person', version: 1 }] })
  const schema = await registryAt().schemaOf(id)
  const type = avsc.Type.forSchema(JSON.parse('text' in schema ? schema.text : 'null'))
  expect(type.fromBuffer(type.toBuffer({ members: [{ name: 'Ann' }] }))).toEqual({ members: [{ name: 'Ann' }] })
})

test('a default that is none, here or in what is referred to, keeps no schema from being put together', async () => {
  const wrong = { type: 'record', name: 'test.Person', fields: [{ name: 'name', type: 'string', default: null }] }
  server.add('person', JSON.stringify(wrong))
  const id = server.add('team', team, { references: [{ name: 'test.Person', subject: 'person', version: 1 }] })
  const schema = await registryAt().schemaOf(id)
  const type = avsc.Type.forSchema(JSON.parse('text' in schema ? schema.text : 'null'))
  expect(type.fromBuffer(type.toBuffer({ members: [{ name: 'Ann' }] }))).toEqual({ members: [{ name: 'Ann' }] })
})

test('a schema that cannot be Avro’s, or refers in vain or in a circle, is no schema, and asking ends', async () => {
  const protobuf = server.add('protobuf', 'syntax = "proto3";', { schemaType: 'PROTOBUF' })
  const inVain = server.add('in-vain', `${team} `, { references: [{ name: 'x', subject: 'nobody', version: 1 }] })
  const circle = server.add('circle', `${team}  `, { references: [{ name: 'x', subject: 'circle', version: 1 }] })
  const registry = registryAt()
  const schemas = await Promise.all([protobuf, inVain, circle].map(registry.schemaOf))
  expect(schemas).toEqual([
    { problem: `The schema with the id ${protobuf} is not Avro` },
    { problem: `The schema with the id ${inVain} refers to what is not there, or to too much` },
    { problem: `The schema with the id ${circle} cannot be put together` },
  ])
})

test('the user and the password go into every request, and into nothing that is told', async () => {
  const registry = registryAt({ username: 'zoë', password: 'hunter2:;' })
  await registry.schemaOf(1)
  server.instead = (_, response) => response.writeHead(401).end('hunter2')
  const refusal = await registry.schemaOf(1).catch((error: unknown) => error)
  const credentials = Buffer.from('zoë:hunter2:;').toString('base64')
  expect(server.authorizations.slice(-2)).toEqual([`Basic ${credentials}`, `Basic ${credentials}`])
  expect(refusal).toBeInstanceOf(RegistryError)
  expect(JSON.stringify([refusal, String(refusal), (refusal as Error).stack])).not.toMatch(/hunter2|aHVudGVyM/)
  expect(await failureOf(registry.schemaOf(1))).toBe(
    'registry-refuses: The schema registry at URL answered 401: set its user and password, in CARILLON_REGISTRY or by registry.username and registry.passwordEnv.',
  )
})

describe('a registry in trouble', () => {
  const away = 'Start it, or set CARILLON_REGISTRY to where it is.'
  const foreign =
    'is no schema registry with Confluent’s API. Look at the path of CARILLON_REGISTRY; Apicurio’s ends with /apis/ccompat/v7.'

  test.each<[string, NonNullable<RegistryServer['instead']>, string]>([
    [
      'that says nothing',
      () => undefined,
      `registry-away: The schema registry at URL did not answer within 300 ms. ${away}`,
    ],
    [
      'that never ends',
      (_, response) => response.writeHead(200).write('{"schema":'),
      `registry-away: The schema registry at URL did not answer within 300 ms. ${away}`,
    ],
    [
      'that breaks off in its answer',
      (_, response) => response.writeHead(200).write('{"schema":', () => response.destroy()),
      `registry-away: The schema registry at URL cannot be reached (UND_ERR_SOCKET). ${away}`,
    ],
    [
      'that floods',
      (_, response) => response.writeHead(200).end(Buffer.alloc(2 * 1024 * 1024, ' ')),
      'registry-not-understood: The schema registry at URL answered more than 1048576 bytes.',
    ],
    [
      'that fails',
      (_, response) => response.writeHead(500).end(),
      'registry-away: The schema registry at URL answered 500. See to it.',
    ],
    [
      'that is busy',
      (_, response) => response.writeHead(429).end(),
      'registry-away: The schema registry at URL answered 429. See to it.',
    ],
    [
      'that is a page',
      (_, response) => response.writeHead(200).end('<html>'),
      `registry-not-understood: What answers at URL (200) ${foreign}`,
    ],
    [
      'that is elsewhere',
      (_, response) => response.writeHead(302, { location: server.access.url }).end(),
      `registry-not-understood: What answers at URL (302) ${foreign}`,
    ],
    [
      'that has no such path',
      (_, response) => response.writeHead(404).end('{"error_code":404}'),
      `registry-not-understood: What answers at URL (404) ${foreign}`,
    ],
  ])('%s is told by its kind', async (_, instead, told) => {
    server.instead = instead
    expect(await failureOf(registryAt({ timeoutMs: 300 }).schemaOf(1))).toBe(told)
  })

  test('that rejects a schema says why, in one line', async () => {
    server.instead = (_, response) =>
      response.writeHead(409).end(JSON.stringify({ error_code: 409, message: 'incompatible\nwith   version 1' }))
    expect(await failureOf(registryAt().register('subject', person))).toBe(
      'schema-rejected: The schema registry at URL rejects the schema (409): incompatible with version 1',
    )
  })

  test('that does not listen is away', async () => {
    const gone = await startRegistryServer()
    await gone.stop()
    expect(await failureOf(registryAt({}, gone).schemaOf(1))).toBe(
      `registry-away: The schema registry at URL cannot be reached (ECONNREFUSED). ${away}`,
    )
  })
})

describe('over TLS', () => {
  const authority = join(folder, 'ca.pem')

  test('a registry is trusted by the certificate of who signed its own, and not without', async () => {
    const secure = await startRegistryServer(certificates())
    const id = secure.add('person', person)
    const trusting = registryAt({ caFile: authority }, secure)
    expect(await trusting.schemaOf(id)).toEqual({ text: person })
    expect(await failureOf(registryAt({}, secure).schemaOf(id))).toBe(
      'registry-not-trusted: The certificate of the schema registry at URL is not trusted (UNABLE_TO_VERIFY_LEAF_SIGNATURE). Set registry.caFile to the certificate of who signed it.',
    )
    await secure.stop()
  })

  /** A certificate for the loopback, signed by an authority of its own. */
  function certificates(): { key: string; cert: string } {
    const at = (name: string) => join(folder, name)
    const key = (name: string) => [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      at(name),
    ]
    openssl(['req', '-x509', ...key('ca.key'), '-out', authority, '-subj', '/CN=Carillon tests', '-days', '2'])
    openssl([
      ...['req', '-x509', ...key('server.key'), '-out', at('server.pem'), '-subj', '/CN=registry', '-days', '2'],
      ...['-CA', authority, '-CAkey', at('ca.key'), '-addext', 'subjectAltName=IP:127.0.0.1'],
      ...['-addext', 'basicConstraints=critical,CA:FALSE'],
    ])
    return { key: readFileSync(at('server.key'), 'utf8'), cert: readFileSync(at('server.pem'), 'utf8') }
  }

  function openssl(args: readonly string[]): void {
    const { status, stderr, error } = spawnSync('openssl', args, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`openssl cannot make the test's certificates: ${error ?? stderr}`)
  }
})
