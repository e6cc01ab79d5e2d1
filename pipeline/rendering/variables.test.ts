import { expect, test } from 'vitest'
import type { Message } from '../../schemas/events.js'
import { createLiquid } from './liquid.js'
import { type Compile, compileMessage, type RenderMessage, resultOf } from './message.js'
import { NotPlain, variablesCompiler } from './variables.js'

const outputBytes = 2_000
const liquid = createLiquid({ outputBytes, memoryUnits: 100_000 })
const viaVariables = variablesCompiler(outputBytes)
const viaLiquid: Compile = (source, format) => liquid.compile(source, format, Number.POSITIVE_INFINITY)

/** Mulberry32: the same numbers for the same seed. */
function seeded(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const names = [
  'a',
  'b',
  'user_1',
  'size',
  'first',
  'length',
  '__proto__',
  'constructor',
  'toString',
  'true',
  'nil',
  'not',
]
const scraps = ['', ' ', 'Hi ', '<b>&"\'', '}}', '{', '%}', '{{', '{%', '\n', 'ü😀', '{{-', 'x'.repeat(900)]
const blanks = ['', ' ', '\t\n', '-', ' | upcase', '[0]', '.', '\u00a0']
const scalars = ['', 'text', '<i>"&\'', 0, -1.5, 1e21, true, false, null, '{{ a }}']

function generate(pick: (below: number) => number) {
  const one = <T>(items: readonly T[]): T => items[pick(items.length)] as T
  const path = () => Array.from({ length: 1 + (pick(2) && pick(3)) }, () => one(names)).join('.')
  const blank = () => (pick(10) === 0 ? one(blanks) : ' ')
  const piece = () => (pick(3) > 0 ? `{{${blank()}${path()}${blank()}}}` : one(scraps))
  const value = (depth: number): unknown => {
    const kind = pick(depth > 2 ? 6 : 9)
    if (kind < 6) return one(scalars)
    return kind < 7 ? [value(depth + 1), value(depth + 1)] : object(depth + 1)
  }
  const object = (depth: number): Record<string, unknown> =>
    Object.fromEntries(names.flatMap((name) => (pick(6) === 0 ? [] : [[name, value(depth)]])))
  const source = () => Array.from({ length: pick(4) }, piece).join('')
  return { source: { subject: null, text: source(), html: source(), data: null }, variables: object(0) }
}

test('whatever it renders, Liquid renders just so', () => {
  const pick = seeded(20_240_501)
  const counts = { rendered: 0, failed: 0, left: 0 }
  for (let round = 0; round < 8_000; round += 1) {
    const { source, variables } = generate(pick)
    const plain = compileMessage(source, viaVariables, outputBytes)
    const result = plain && renderedOrLeft(() => plain(variables))
    if (!result) {
      counts.left += 1
      continue
    }
    const expected = resultOf(() => compiled(source)(variables))
    expect({ source, variables, result }).toEqual({ source, variables, result: expected })
    counts[result.message ? 'rendered' : 'failed'] += 1
  }
  expect(Math.min(counts.rendered, counts.failed, counts.left)).toBeGreaterThan(300)
})

function renderedOrLeft(render: () => Message) {
  try {
    return resultOf(render)
  } catch (error) {
    if (error instanceof NotPlain) return undefined
    throw error
  }
}

function compiled(source: Message): RenderMessage {
  const render = compileMessage(source, viaLiquid, outputBytes)
  if (!render) throw new Error('Liquid compiles everything.')
  return render
}

test('it fills in variables and escapes them in HTML only', () => {
  const render = (format: 'html' | 'plain') => viaVariables('Hi {{ user.name }}, {{n}}', format)
  const variables = { user: { name: '<b>"A&B\'' }, n: 3 }
  expect(render('plain')?.(variables)).toBe('Hi <b>"A&B\', 3')
  expect(render('html')?.(variables)).toBe('Hi &lt;b&gt;&#34;A&amp;B&#39;, 3')
})

test('it leaves logic, filters, brackets, literals and computed properties to Liquid', () => {
  const sources = [
    '{% if a %}',
    '{{ a | upcase }}',
    '{{ a[0] }}',
    '{{- a }}',
    '{{ true }}',
    '{{ a.size }}',
    '{{ a',
    '{{ 1 }}',
  ]
  expect(sources.filter((source) => viaVariables(source, 'plain'))).toEqual([])
})

test('it leaves lists and objects to Liquid', () => {
  const render = viaVariables('{{ a }}', 'plain')
  expect(() => render?.({ a: [1] })).toThrow(NotPlain)
  expect(() => render?.({ a: {} })).toThrow(NotPlain)
})

test('it stops at the limit of the output', () => {
  const render = viaVariables('{{ a }}'.repeat(500), 'plain')
  expect(
    resultOf(() => ({ subject: null, text: `${render?.({ a: 'x'.repeat(100_000) })}`, html: null, data: null })),
  ).toEqual({ message: null, reason: 'output-too-large', detail: 'The output is larger than 2000 bytes.' })
})
