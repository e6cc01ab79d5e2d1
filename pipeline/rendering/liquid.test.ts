import { expect, test } from 'vitest'
import { createLiquid } from './liquid.js'
import { compileMessage, resultOf, type Variables } from './message.js'

const limits = { outputBytes: 10_000, memoryUnits: 50_000 }
const liquid = createLiquid(limits)

type Sources = { subject?: string; text?: string; html?: string; data?: string }

function rendered(
  { subject = null, text = null, html = null, data = null }: NullableSources,
  variables: Variables = {},
) {
  return resultOf(() => {
    const source = { subject, text, html, data }
    const render = compileMessage(
      source,
      (one, format) => liquid.compile(one, format, Number.POSITIVE_INFINITY),
      limits.outputBytes,
    )
    if (!render) throw new Error('Liquid compiles everything.')
    return render(variables)
  })
}

type NullableSources = { readonly [K in keyof Sources]?: Sources[K] | null }

const text = (source: string, variables: Variables = {}) => rendered({ text: source }, variables).message?.text
const failure = (source: string, variables: Variables = {}): readonly unknown[] => {
  const result = rendered({ text: source }, variables)
  return result.message === null ? [result.reason, result.detail] : [result.message.text]
}

test('logic, loops, filters and defaults work', () => {
  const variables = { name: 'anna', items: [{ title: 'A' }, { title: 'B' }] }
  expect([
    text('{{ name | capitalize }}', variables),
    text('{% for item in items %}{{ forloop.index }}{{ item.title }} {% endfor %}', variables),
    text('{% if missing %}yes{% else %}no{% endif %}'),
    text('{% unless missing.deep %}none{% endunless %}'),
    text('{{ missing | default: "you" }}'),
    text('{% assign a = "x" %}{% capture b %}{{ a }}!{% endcapture %}{{ b }}'),
    text('{% case name %}{% when "anna" %}A{% else %}?{% endcase %}', variables),
    text('{% raw %}{{ name }}{% endraw %}{% comment %}{{ x }}{% endcomment %}{% # note %}'),
    text('{{ "2024-05-01T23:30:00Z" | date: "%d %H:%M" }}'),
  ]).toEqual(['Anna', '1A 2B ', 'no', 'none', 'you', 'x!', 'A', '{{ name }}', '01 23:30'])
})

test('a missing variable is named, and never by a value', () => {
  const variables = { user: {}, key: 'anna@example.com' }
  expect([
    failure('{{ order.id | upcase }}', variables),
    failure('{{ user.name | upcase }}', variables),
    failure('{{ user[key] }}', variables),
    failure('{% for x in missing %}{% endfor %}', variables),
  ]).toEqual([
    ['missing-variable', 'text: The variable "order" is missing.'],
    ['missing-variable', 'text: The variable "user.name" is missing.'],
    ['missing-variable', 'text: The variable "user[key]" is missing.'],
    ['missing-variable', 'text: The variable "missing" is missing.'],
  ])
})

test('an object is not printed, in no form', () => {
  const variables = { user: { name: 'Ada' }, users: [{ name: 'Ada' }] }
  for (const part of ['text', 'html'] as const) {
    for (const source of ['{{ user }}', '{{ users }}']) {
      expect(rendered({ [part]: source }, variables)).toMatchObject({ message: null, reason: 'not-text' })
    }
  }
  expect(text('{{ user | json }} {{ user.name }}', variables)).toBe('{"name":"Ada"} Ada')
})

test('no error tells a value', () => {
  const variables = { secret: { toString: 'hunter2' } }
  expect(failure('{{ secret | append: "x" }}', variables)).toEqual([
    'render-failed',
    'text: "{{ secret | append: "x" }}" could not be rendered.',
  ])
})

test('prototypes, constructors and files are out of reach', () => {
  const variables = { a: {}, list: [1] }
  const sources = [
    '{{ a.constructor | upcase }}',
    '{{ a.__proto__ | json }}',
    '{{ "x".constructor }}',
    '{{ list["map"] }}',
  ]
  expect(sources.map((source) => failure(source, variables)[0])).toEqual(sources.map(() => 'missing-variable'))
  const tags = [
    'include "/etc/passwd"',
    'render "/etc/passwd"',
    'layout "x"',
    'liquid',
    'tablerow x in y',
    'increment a',
  ]
  expect(tags.map((tag) => failure(`{% ${tag} %}`)[0])).toEqual(tags.map(() => 'template-invalid'))
})

test('variables are escaped in HTML, once, and nowhere else', () => {
  const source = '<p title="{{ name }}">{{ name | escape }}</p>{% assign n = name %}{% echo n %}{% cycle name %}'
  const escaped = '&lt;b&gt;&#34;&amp;&#39;'
  expect(rendered({ subject: source, html: source, text: '{{ name }}' }, { name: '<b>"&\'' }).message).toEqual({
    subject: `<p title="<b>"&'">${escaped}</p><b>"&'<b>"&'`,
    html: `<p title="${escaped}">${escaped}</p>${escaped}${escaped}`,
    text: '<b>"&\'',
    data: null,
  })
})

test('no variable changes the shape of data', () => {
  const data = JSON.stringify({ name: '{{ name }}', list: ['{{ name | upcase }}', 1, true, null], '{{ name }}': {} })
  const name = '","admin":true,"x":"\\'
  expect(JSON.parse(rendered({ data }, { name }).message?.data ?? '')).toEqual({
    name,
    list: [name.toUpperCase(), 1, true, null],
    '{{ name }}': {},
  })
})

test('data is told to be wrong with its place', () => {
  expect(rendered({ data: '{"a":' })).toEqual({
    message: null,
    reason: 'template-invalid',
    detail: 'data: This is not JSON.',
  })
  expect(rendered({ data: '{"a":{"b":["{{ x }}"]}}' })).toEqual({
    message: null,
    reason: 'missing-variable',
    detail: 'data.a.b.0: The variable "x" is missing.',
  })
})

test('output without end is cut off, also over several parts', () => {
  const tooLarge = ['output-too-large', 'text: The output is larger than 10000 bytes.']
  expect(failure('{% for a in (1..200) %}{% for b in (1..200) %}xx{% endfor %}{% endfor %}')).toEqual(tooLarge)
  expect(failure('{{ a }}{{ a }}', { a: 'ü'.repeat(2_501) })).toEqual(tooLarge)
  const half = 'x'.repeat(5_001)
  expect(rendered({ subject: half, text: half })).toEqual({
    message: null,
    reason: 'output-too-large',
    detail: 'The output is larger than 10000 bytes.',
  })
})

test('what filters, ranges and captures gather is bounded', () => {
  const doubled = '{% assign a = "0123456789" %}{% for i in (1..60) %}'
  const sources = [
    `${doubled}{% assign a = a | append: a %}{% endfor %}`,
    `${doubled}{% capture a %}{{ a }}{{ a }}{% endcapture %}{% endfor %}`,
    '{% for i in (1..9999999999) %}{% endfor %}',
  ]
  const tooMuch = ['template-memory', 'text: The template takes too much memory.']
  expect(sources.map((source) => failure(source))).toEqual([tooMuch, tooMuch, tooMuch])
})

test('a loop that takes too long gives way', () => {
  const source = '{% for a in (1..1000) %}{% for b in (1..1000) %}{% endfor %}{% endfor %}'
  const render = createLiquid({ outputBytes: 1, memoryUnits: Number.POSITIVE_INFINITY }).compile(source, 'plain', 0)
  expect(() => render({})).toThrow(expect.objectContaining({ code: 'template-timeout' }))
})

test('a source that cannot be read is told with its place', () => {
  expect([
    liquid.problem('{{ a | upcase }}'),
    liquid.problem('a\n {{ a | nope }}'),
    liquid.problem('{% if a %}'),
  ]).toEqual([null, 'undefined filter: nope, line:2, col:2', 'tag {% if a %} not closed, line:1, col:1'])
})
