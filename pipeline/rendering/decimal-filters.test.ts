import { expect, test } from 'vitest'
import { createLiquid } from './liquid.js'

const liquid = createLiquid({ outputBytes: 10_000, memoryUnits: 50_000 })

function text(source: string, variables = {}): string {
  return liquid.compile(source, 'plain', Number.POSITIVE_INFINITY)(variables)
}

test.each([
  ['0.1 | plus: 0.2', '0.3'],
  ['0.3 | minus: 0.1', '0.2'],
  ['1.1 | times: 3', '3.3'],
  ['4.35 | times: 100', '435'],
  ['0.3 | divided_by: 0.1', '3'],
  ['10 | divided_by: 4', '2.5'],
  ['20 | divided_by: 7.0', '2.857142857142857'],
  ['10 | divided_by: 4, true', '2'],
  ['0.3 | modulo: 0.1', '0'],
  ['5.5 | modulo: 1.1', '0'],
  ['-7 | modulo: 3', '2'],
  ['1.005 | round: 2', '1.01'],
  ['2.5 | round', '3'],
  ['-2.5 | round', '-3'],
  ['1234.5 | round: -2', '1200'],
  ['4.35 | times: 100 | ceil', '435'],
  ['-1.2 | floor', '-2'],
  ['-1.2 | ceil', '-1'],
  ['"19.99" | times: "3"', '59.97'],
  ['"8202522731445525542" | plus: 1', '8202522731445525543'],
  ['"none" | plus: 1', '1'],
])('%s is %s', (expression, expected) => {
  expect(text(`{{ ${expression} }}`)).toBe(expected)
})

test('a sum is decimal, of numbers and of a property that elements may lack', () => {
  const variables = { prices: [0.1, 0.2, '0.3', null], items: [{ price: 0.1 }, {}, { price: 0.7 }, { price: null }] }
  expect(text('{{ prices | sum }} {{ items | sum: "price" }}', variables)).toBe('0.6 0.8')
})

test('results compare as numbers', () => {
  expect(text('{% assign a = 0.1 | plus: 0.2 %}{% if a == 0.3 and a < 1 %}yes{% endif %}')).toBe('yes')
})

test.each([
  ['1 | divided_by: 0', 'cannot be divided by zero'],
  ['1 | modulo: 0', 'cannot be divided by zero'],
  ['large | times: large', 'too large'],
])('%s fails with the reason', (expression, reason) => {
  const work = () => text(`{{ ${expression} }}`, { large: 1e200 })
  expect(work).toThrow(expect.objectContaining({ code: 'render-failed', message: expect.stringContaining(reason) }))
})
