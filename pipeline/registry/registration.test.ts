import { afterEach, beforeEach, expect, test } from 'vitest'
import { type RegistryServer, startRegistryServer } from '../../testing/registry/registry-server-under-test.js'
import { compareWithRegistry, registerAll } from './registration.js'
import { openRegistry, type Registry } from './registry.js'
import { ownSchemas } from './subjects.js'

const subject = 'carillon.CancelRequested'
const text = ownSchemas().find((own) => own.subject === subject)?.text ?? ''
const today = JSON.parse(text) as { readonly fields: readonly { readonly name: string }[] }
const reason = { name: 'reason', type: 'string', doc: 'Why.' }

let server: RegistryServer
let registry: Registry

beforeEach(async () => {
  server = await startRegistryServer()
  registry = openRegistry(server.access)
})
afterEach(async () => {
  await registry.close()
  await server.stop()
})

/** How one subject compares, its versions having been registered in this order. */
async function comparedWith(...versions: readonly object[]) {
  for (const version of versions) server.add(subject, JSON.stringify(version))
  const comparisons = await compareWithRegistry(registry)
  return comparisons.find((one) => one.subject === subject)
}

const base = { subject, event: 'cancel-requested', id: null, version: null, problem: '' }
const grown = { ...today, fields: [...today.fields, reason] }
const shrunk = { ...today, fields: today.fields.slice(1) }
const documented = { ...today, doc: 'Said in other words.' }

test('every event that stands on a topic has a subject by its record’s full name', () => {
  const named = ownSchemas().map(({ subject, text }) => [subject, JSON.parse(text).name])
  expect(named.filter(([subject, name]) => subject !== name)).toEqual([])
  expect(named.map(([subject]) => subject)).toContain('carillon.NotificationRequested')
})

test('all are registered, and a second time all are known', async () => {
  const first = await registerAll(registry)
  const second = await registerAll(registry)
  expect(first.map(({ subject, version, state }) => [subject, version, state])).toEqual(
    ownSchemas().map(({ subject }) => [subject, 1, 'new']),
  )
  expect(second).toEqual(first.map((one) => ({ ...one, state: 'known' })))
  const comparisons = await compareWithRegistry(registry)
  expect(comparisons.map(({ state, id }) => [state, id])).toEqual(first.map(({ id }) => ['known', id]))
})

test('a subject that is not there is new', async () => {
  expect(await comparedWith()).toEqual({ ...base, state: 'new' })
})

test('a version that differs and can be read both ways is compatible', async () => {
  expect(await comparedWith(documented)).toEqual({ ...base, state: 'compatible' })
})

test('an older version need not read what is written now, the newest must', async () => {
  expect(await comparedWith(grown, documented)).toEqual({ ...base, state: 'compatible' })
  const newest = await comparedWith(grown)
  expect(newest).toMatchObject({ state: 'incompatible' })
  expect(newest?.problem).toMatch(/^version 3 could not read what is written now: no matching field for default-less/)
})

test('a default that is none is no hindrance to reading what was written', async () => {
  const note = { name: 'note', type: ['null', 'string'], default: '' }
  expect(await comparedWith({ ...today, fields: [...today.fields, note] })).toEqual({ ...base, state: 'compatible' })
})

test('no version may have written what cannot be read now, and then nothing at all is registered', async () => {
  const compared = await comparedWith(shrunk, documented)
  expect(compared).toMatchObject({ state: 'incompatible' })
  expect(compared?.problem).toMatch(/^what version 1 wrote cannot be read: no matching field for default-less/)
  const calls = server.calls.length
  await expect(registerAll(registry)).rejects.toMatchObject({
    code: 'schema-rejected',
    message: expect.stringMatching(/^Nothing was registered\. carillon\.CancelRequested: what version 1 wrote/),
  })
  expect(server.calls.slice(calls).filter((call) => /^POST .*\/versions$/.test(call))).toEqual([])
})

test('what is not Avro is incompatible', async () => {
  server.add(subject, '{}', { schemaType: 'JSON' })
  expect(await comparedWith()).toEqual({
    ...base,
    state: 'incompatible',
    problem: `Version 1 of ${subject} is not Avro`,
  })
})
