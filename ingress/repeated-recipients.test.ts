import { expect, test } from 'vitest'
import { firstNamings } from './repeated-recipients.js'

test('the same id is the same recipient, with or without addresses beside it', () => {
  const email = 'a@b.c'
  expect(firstNamings(['u', { id: 'u' }, 'v', { id: 'u', email }, { id: 'v', email }, 'w'])).toEqual([0, 0, 2, 0, 2, 5])
})

test('without an id the same addresses are the same recipient, however they are written', () => {
  const same = [
    ...[
      { email: 'Anna@bücher.example' },
      { email: 'anna@XN--BCHER-KVA.example' },
      { email: 'anna@bu\u0308cher.example' },
    ],
    ...[{ webhook: 'https://Hooks.example' }, { webhook: 'https://hooks.example:443/' }],
    ...[
      { phone: '+4915112345678', slack: 'U1' },
      { slack: 'U1', phone: '+4915112345678' },
    ],
    ...[{ id: 'u', device: 'd' }, { device: 'd' }],
  ]
  expect(firstNamings(same)).toEqual([0, 0, 0, 3, 3, 5, 5, 7, 7])
})

test('other addresses, more of them, or one address under two ids are other recipients', () => {
  const others = [
    ...[
      { email: 'a@b.c' },
      { email: 'a@b.c', phone: '+4915112345678' },
      { phone: '+4915112345678' },
      { email: 'a@b.d' },
    ],
    ...['a@b.c', { device: 'a@b.c' }, { slack: 'a@b.c' }, { id: 'u', device: 'd' }, { id: 'v', device: 'd' }],
    ...[{ email: 'nonsense' }, { email: 'Nonsense' }],
  ]
  expect(firstNamings(others)).toEqual(others.map((_, index) => index))
})
