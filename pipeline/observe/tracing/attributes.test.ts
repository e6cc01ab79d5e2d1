import { expect, test } from 'vitest'
import { attributes, type SpanFields } from './attributes.js'

test('only what is on the list is written, cut to its bounds, and nothing that is not there', () => {
  const careless = { recipient: 'ann@example.org', 'carillon.recipient': 'ann', content: 'hello' } as SpanFields
  const long = 'x'.repeat(300)
  const reasons = Array.from({ length: 20 }, () => long)
  expect(
    attributes(
      careless,
      { 'carillon.reason': long, 'carillon.lane': null },
      { 'carillon.attempt': 1 },
      {
        'carillon.wait.reasons': reasons,
      },
    ),
  ).toEqual({
    'carillon.reason': 'x'.repeat(256),
    'carillon.attempt': 1,
    'carillon.wait.reasons': Array.from({ length: 16 }, () => 'x'.repeat(256)),
  })
})
