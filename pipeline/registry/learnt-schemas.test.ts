import { afterAll, beforeEach, expect, test } from 'vitest'
import { Unavailable } from '../../schemas/errors.js'
import { startRegistryServer } from '../../testing/registry/registry-server-under-test.js'
import { learntSchemas } from './learnt-schemas.js'
import { openRegistry } from './registry.js'

const schema = '{"type":"record","name":"test.Person","fields":[]}'
const own = { event: 'dead-letter', subject: 'carillon.DeadLetter', text: '"string"', id: 7 } as const

const server = await startRegistryServer()
const registry = openRegistry(server.access)
const id = server.add('person', schema)
let nowMs = 0
let callsBefore = 0

beforeEach(() => {
  nowMs = 1_900_000_000_000
  server.instead = null
  callsBefore = server.calls.length
})
afterAll(async () => {
  await registry.close()
  await server.stop()
})

const calls = () => server.calls.slice(callsBefore)

function source(remembered: ReadonlyMap<number, string> = new Map()) {
  const learnt: (readonly number[])[] = []
  const schemas = learntSchemas({
    registry,
    own: [own],
    remembered,
    nowMs: () => nowMs,
    learnt: (held) => learnt.push([...held.keys()]),
  })
  return { ...schemas, learnt, learn: (ids: readonly number[]) => schemas.learn?.(ids) ?? null }
}

test('what is its own or remembered is known and asks nobody', async () => {
  const { idOf, known, learn } = source(new Map([[5, schema]]))
  expect([idOf('dead-letter'), known(7), known(5), known(id)]).toEqual([
    7,
    { text: own.text },
    { text: schema },
    undefined,
  ])
  expect([learn([7, 5]), calls()]).toEqual([null, []])
})

test('an id that is asked for many times at once is one request, and none afterwards', async () => {
  const { known, learn, learnt } = source()
  await Promise.all(Array.from({ length: 50 }, () => learn([id, id])))
  expect([known(id), learn([id]), calls(), learnt]).toEqual([
    { text: schema },
    null,
    [`GET /registry/schemas/ids/${id}`],
    [[id]],
  ])
})

test('an id that the registry does not have is asked for once a minute, however many records name it', async () => {
  const { known, learn } = source()
  const flood = async () => {
    for (let record = 0; record < 1000; record++) await learn([4242])
  }
  await flood()
  const first = calls().length
  nowMs += 59_999
  await flood()
  const within = calls().length
  nowMs += 1
  await flood()
  expect([first, within, calls().length]).toEqual([1, 1, 2])
  expect(known(4242)).toMatchObject({
    problem: `The schema registry at ${server.access.url} has no schema with the id 4242`,
  })
})

test('an id that got its schema meanwhile is found', async () => {
  const { known, learn } = source()
  const next = id + 1
  await learn([next])
  expect(known(next)).toHaveProperty('problem')
  expect(server.add('another', `${schema} `)).toBe(next)
  nowMs += 60_000
  await learn([next])
  expect(known(next)).toEqual({ text: `${schema} ` })
})

test('an id that no registry can give is not asked for', () => {
  const { known, learn } = source()
  expect([learn([2 ** 31, 2 ** 32 - 1]), known(2 ** 31), calls()]).toEqual([
    null,
    { problem: 'No schema registry has an id that high' },
    [],
  ])
})

test('while the registry is in trouble nothing is decided, and it is asked again', async () => {
  const { known, learn } = source()
  server.instead = (_, response) => response.writeHead(503).end()
  await expect(learn([id])).rejects.toBeInstanceOf(Unavailable)
  await expect(learn([id])).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('answered 503'),
  })
  const before = [known(id), calls().length]
  server.instead = null
  await learn([id])
  expect([...before, known(id)]).toEqual([undefined, 2, { text: schema }])
})

test('no more than four requests are under way at once', async () => {
  let underWay = 0
  let most = 0
  server.instead = (_, response) => {
    most = Math.max(most, ++underWay)
    setImmediate(() => {
      underWay--
      response.writeHead(404).end('{"error_code":40403}')
    })
  }
  await source().learn(Array.from({ length: 200 }, (_, index) => 10_000 + index))
  expect([most <= 4, calls().length]).toEqual([true, 200])
})

test('what is held is bounded, and the oldest goes first', async () => {
  server.instead = (_, response) => response.writeHead(200).end(JSON.stringify({ schema }))
  const { known, learn, learnt } = source(new Map(Array.from({ length: 1000 }, (_, index) => [index + 10, schema])))
  await learn([50_000])
  expect([known(10), known(11), known(50_000), known(7), learnt.at(-1)?.length]).toEqual([
    undefined,
    { text: schema },
    { text: schema },
    { text: own.text },
    1000,
  ])
})
