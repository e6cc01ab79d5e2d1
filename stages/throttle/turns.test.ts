import { expect, test } from 'vitest'
import { inTurn } from './turns.js'

test('who was served last comes last', () => {
  const all = ['a', 'b', 'c']
  expect([undefined, 'a', 'b', 'c', 'gone'].map((last) => inTurn(all, last).join(''))).toEqual([
    'abc',
    'bca',
    'cab',
    'abc',
    'abc',
  ])
})
