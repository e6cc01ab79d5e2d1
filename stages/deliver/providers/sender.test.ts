import { expect, test } from 'vitest'
import { parseSender } from './sender.js'

const at = { local: 'a', domain: 'example.org' }

test.each([
  ['a@example.org', ''],
  ['<a@example.org>', ''],
  ['  Carillon   <a@EXAMPLE.org> ', 'Carillon'],
  ['Support (Billing) <a@example.org>', 'Support (Billing)'],
  ['O"Neil <a@example.org>', 'O"Neil'],
  ["O'Neil & Söhne <a@example.org>", "O'Neil & Söhne"],
  ['Doe, Jane <a@example.org>', 'Doe, Jane'],
  ['Team: Jane; <a@example.org>', 'Team: Jane;'],
  ['a@b.c <a@example.org>', 'a@b.c'],
  ['back\\slash <a@example.org>', 'back\\slash'],
  ['"Support (Billing)" <a@example.org>', 'Support (Billing)'],
  ['"O\\"Neil \\\\ Co" <a@example.org>', 'O"Neil \\ Co'],
  ['"" <a@example.org>', ''],
  ['山田太郎 <a@example.org>', '山田太郎'],
])('%s has the name %j', (text, name) => {
  expect(parseSender(text)).toEqual({ name, ...at })
})

test('the domain is read as for any mailbox', () => {
  expect(parseSender('Zoë <zoë@bücher.example>')).toEqual({
    name: 'Zoë',
    local: 'zoë',
    domain: 'xn--bcher-kva.example',
  })
})

test('what is no sender, or could be read in two ways, is none', () => {
  const bad = [
    ...['', 'Ann', 'Ann <>', 'Ann <ann>', 'Ann a@b.c', 'a@b.c, d@e.f', '<a@b.c>, <d@e.f>', 'Ann <a@b.c> (work)'],
    ...['Team: a@b.c;', 'Team: Ann <a@b.c>;', 'Ann <a@b.c> <d@e.f>', 'Ann <a@b.c, d@e.f>', 'Ann <"a b"@c.d>'],
    ...['"Ann" Smith <a@b.c>', 'Ann "the boss" Smith <a@b.c>', '"Ann \\x" <a@b.c>', '=?UTF-8?Q?Ann?= <a@b.c>'],
    ...[
      'Ann\r\nBcc: e@f.g <a@b.c>',
      'Ann\n<a@b.c>x',
      'Ann\0 <a@b.c>',
      'Ann\u2028 <a@b.c>',
      'Ann <a\u200b@b.c>',
      'Ann <a@b.c\r\n>',
    ],
  ]
  expect(bad.filter((text) => parseSender(text) !== null)).toEqual([])
})
