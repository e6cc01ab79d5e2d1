import { expect, test } from 'vitest'
import { createLiquid } from './liquid.js'
import { compileMessage, resultOf } from './message.js'
import { variablesCompiler } from './variables.js'

const liquid = createLiquid({ outputBytes: 10_000, memoryUnits: 50_000 })

function text(source: string, variables: Record<string, unknown>): string {
  try {
    return liquid.compile(source, 'plain', Number.POSITIVE_INFINITY)(variables)
  } catch (error) {
    return error instanceof Error ? error.message : ''
  }
}

const nothing = { code: null, user: { name: null }, list: ['a', null] }

test.each([
  ['{{ code }}', 'code'],
  ['{{ code.part }}', 'code'],
  ['{{ code | upcase }}', 'code'],
  ['{{ "x" | append: code }}', 'code'],
  ['{{ user.name }}', 'user.name'],
  ['{{ user["name"] }}', 'user["name"]'],
  ['{{ list.last }}', 'list.last'],
  ['{% for one in list %}{{ one }}{% endfor %}', 'one'],
  ['{% for one in code %}{% endfor %}', 'code'],
  ['{% assign c = code %}{{ c }}', 'c'],
  ['{% assign c = code | upcase %}{{ c }}', 'code'],
  ['{% assign c = missing | times: 2 %}{{ c }}', 'missing'],
  ['{% echo code %}', 'code'],
])('null is no value: %s', (source, name) => {
  expect(text(source, nothing)).toBe(`The variable "${name}" is missing.`)
})

test('null is no value for plain variables either', () => {
  const source = { subject: null, text: '{{ user.name }}', html: null, data: null }
  const render = compileMessage(source, variablesCompiler(1_000), 1_000)
  expect(render && resultOf(() => render(nothing))).toEqual({
    message: null,
    reason: 'missing-variable',
    detail: 'text: The variable "user.name" is missing.',
  })
})

test('a template may ask for null, and say what stands for it', () => {
  expect([
    text('{{ code | default: "none" }}', nothing),
    text('{% assign c = code | default: "none" | upcase %}{{ c }}', nothing),
    text('{% if code %}yes{% else %}no{% endif %}{% unless user.name %}, no{% endunless %}', nothing),
    text('{% if code == nil and user.name == blank %}nil{% endif %}', nothing),
    text('{% assign c = code %}{% if c %}yes{% else %}no{% endif %}', nothing),
    text('{% case code %}{% when nil %}nil{% endcase %}', nothing),
    text('{{ user | json }}', nothing),
  ]).toEqual(['none', 'NONE', 'no, no', 'nil', 'no', 'nil', '{"name":null}'])
})

test('an empty text, zero and false are values', () => {
  expect(text('[{{ a }}{{ b }}{{ c }}{{ d }}]', { a: '', b: 0, c: false, d: [] })).toBe('[0false]')
})

const items = [{ id: 'a', paid: true, by: { name: 'Zoë' } }, { id: 'b' }, { id: 'c', paid: null, by: null }]

test.each([
  ['items | where: "paid" | size', '1'],
  ['items | where: "paid", true | map: "id"', 'a'],
  ['items | where: "by.name", "Zoë" | map: "id"', 'a'],
  ['items | reject: "paid" | map: "id"', 'bc'],
  ['items | map: "by.name" | compact', 'Zoë'],
  ['items | sort: "by.name" | map: "id" | size', '3'],
  ['items | sort_natural: "by.name" | map: "id" | size', '3'],
  ['items | group_by: "paid" | size', '2'],
  ['items | group_by: "by.name" | size', '2'],
  ['items | find: "paid", true | json', JSON.stringify(items[0])],
  ['items | find_index: "by.name", "Zoë"', '0'],
  ['items | has: "paid"', 'true'],
  ['items | has: "nothing"', 'false'],
  ['items | sum: "by.name"', '0'],
  ['items | uniq | size', '3'],
  ['items | where_exp: "item", "item.by.name == \'Zoë\'" | map: "id"', 'a'],
  ['items | group_by_exp: "item", "item.by.name" | size', '2'],
  ['items | has_exp: "item", "item.nothing"', 'false'],
  ['items | find_exp: "item", "item.paid" | json', JSON.stringify(items[0])],
  ['items | find_index_exp: "item", "item.paid"', '0'],
])('elements may lack what a filter asks of them: %s', (expression, expected) => {
  expect(text(`{{ ${expression} }}`, { items })).toBe(expected)
})

test('variables of the template stay such inside filters', () => {
  expect([
    text('{{ items | where: "id", wanted | size }}', { items }),
    text('{{ items | where_exp: "item", "item.id == wanted" | size }}', { items }),
    text('{{ missing | map: "id" }}', { items }),
    text('{% for item in items %}{{ item.paid }}{% endfor %}', { items }),
  ]).toEqual([
    'The variable "wanted" is missing.',
    'The variable "wanted" is missing.',
    'The variable "missing" is missing.',
    'The variable "item.paid" is missing.',
  ])
})
