import { expect, test } from 'vitest'
import { createLiquid } from './liquid.js'

const liquid = createLiquid({ outputBytes: 10_000, memoryUnits: 50_000 })
const name = "O'Neil & Co."
const escaped = 'O&#39;Neil &amp; Co.'

function html(source: string): string {
  return liquid.compile(source, 'html', Number.POSITIVE_INFINITY)({ name, tag: '<i>', lines: 'a\n<b>' })
}

test('what is captured is escaped once, where it is printed, and its own markup stays', () => {
  expect([
    html('{% capture g %}Dear {{ name }},{% endcapture %}<p>{{ g }}</p>'),
    html('{% capture g %}<b>{{ name }}</b>{% endcapture %}{{ g }}{% echo g %}{% cycle g, name %}'),
    html('{% capture g %}{{ name }}{% endcapture %}{% capture h %}<p>{{ g }}</p>{% endcapture %}{{ h }}'),
    html('{% capture g %}{% for x in (1..2) %}<i>{{ name }}</i>{% endfor %}{% endcapture %}{{ g }}'),
    html('{% capture g %}{{ name | escape }}{% endcapture %}{{ g }}'),
    html('{% capture g %}<b>{{ name }}</b>{% endcapture %}{{ g | raw }}{% assign h = g %}{{ h }}'),
  ]).toEqual([
    `<p>Dear ${escaped},</p>`,
    `<b>${escaped}</b>`.repeat(3),
    `<p>${escaped}</p>`,
    `<i>${escaped}</i>`.repeat(2),
    escaped,
    `<b>${escaped}</b>`.repeat(2),
  ])
})

test('what is assigned is escaped once, whatever filters it passed', () => {
  expect([
    html('{% assign n = name | upcase %}{{ n }}'),
    html('{% assign n = name | escape %}{{ n }}|{{ n | upcase }}|{{ n | append: "<" }}|{{ n | raw }}'),
    html('{% assign n = "a &amp; b<" | escape_once %}{{ n }}|{{ n | raw }}'),
    html('{% assign n = tag | raw %}{{ n }}|{{ n | append: tag }}'),
    html('{{ lines | newline_to_br }}'),
    html('{% assign n = name | split: " " %}{{ n | join: tag }}'),
  ]).toEqual([
    'O&#39;NEIL &amp; CO.',
    `${escaped}|O&#39;NEIL &amp; CO.|${escaped}&lt;|${escaped}`,
    'a &amp; b&lt;|a &amp; b&lt;',
    '<i>|<i>&lt;i&gt;',
    'a<br />\n&lt;b&gt;',
    'O&#39;Neil&lt;i&gt;&amp;&lt;i&gt;Co.',
  ])
})

test.each([
  ['append: name', `<b>${escaped}</b>${escaped}`],
  ['prepend: name', `${escaped}<b>${escaped}</b>`],
  ['default: "x"', `<b>${escaped}</b>`],
  ['replace: "Neil", tag', '<b>O&#39;&lt;i&gt; &amp; Co.</b>'],
  ['replace_first: "b", tag', `<&lt;i&gt;>${escaped}</b>`],
  ['remove_last: "b"', `<b>${escaped}</>`],
  ['upcase', '<B>O&#39;NEIL &amp; CO.</B>'],
  ['strip', `<b>${escaped}</b>`],
  ['split: " " | join: "_"', '<b>O&#39;Neil_&amp;_Co.</b>'],
  ['strip_html', escaped],
  ['size', '19'],
  ['truncate: 8', '&lt;b&gt;O&#39;...'],
  ['truncate: 8 | raw', '&lt;b&gt;O&#39;...'],
  ['url_encode', '%3Cb%3EO&#39;Neil+%26+Co.%3C%2Fb%3E'],
  ['json', '&#34;&lt;b&gt;O&#39;Neil &amp; Co.&lt;/b&gt;&#34;'],
])('captured markup through %s never lets a variable out unescaped', (filter, expected) => {
  expect(html(`{% capture g %}<b>{{ name }}</b>{% endcapture %}{{ g | ${filter} }}`)).toBe(expected)
})

test('to conditions, captured text is what it says', () => {
  const captured = '{% capture g %}{{ name }}{% endcapture %}{% capture none %} {% endcapture %}'
  expect([
    html(`${captured}{% if g == name and g contains "&" %}same{% endif %}`),
    html(`${captured}{% if none == blank %}blank{% endif %}`),
    html(`${captured}{{ g.size }}`),
  ]).toEqual(['same', 'blank', '12'])
})

test('a template reaches nothing inside captured markup', () => {
  for (const inner of ['pieces', 'constructor', 'valueOf', '__proto__']) {
    const work = () => html(`{% capture g %}<b>{{ name }}</b>{% endcapture %}{{ g.${inner} }}`)
    expect(work).toThrow(expect.objectContaining({ code: 'missing-variable' }))
  }
})

test('captured markup is charged for what it holds', () => {
  const doubled = '{% capture g %}<b>{{ name }}</b>{% endcapture %}{% for i in (1..60) %}'
  for (const step of ['{% assign g = g | append: g %}', '{% capture g %}{{ g }}{{ g }}{% endcapture %}']) {
    expect(() => html(`${doubled}${step}{% endfor %}`)).toThrow(expect.objectContaining({ code: 'template-memory' }))
  }
})
