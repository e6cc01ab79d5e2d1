import { expect, test } from 'vitest'
import { hasHiddenCharacters, isMailbox, parseMailbox } from './addresses.js'

test.each([
  ['anna@example.com', 'anna', 'example.com'],
  ["anna.o'hara+tag=x@mail.example.com", "anna.o'hara+tag=x", 'mail.example.com'],
  ['Anna@EXAMPLE.Com', 'Anna', 'example.com'],
  ['a@b', 'a', 'b'],
  ['a@r3---sn.example', 'a', 'r3---sn.example'],
  ['ajay@डाटा.भारत', 'ajay', 'xn--c2bd1gb.xn--h2brj9c'],
  ['अजय@डाटा.भारत', 'अजय', 'xn--c2bd1gb.xn--h2brj9c'],
  ['ajay@xn--c2bd1gb.xn--h2brj9c', 'ajay', 'xn--c2bd1gb.xn--h2brj9c'],
  ['a@XN--BCHER-KVA.example', 'a', 'xn--bcher-kva.example'],
  ['zoë@bücher.example', 'zoë', 'xn--bcher-kva.example'],
  ['zoe\u0308@bu\u0308cher.example', 'zoë', 'xn--bcher-kva.example'],
  ['иван@почта.рф', 'иван', 'xn--80a1acny.xn--p1ai'],
  ['用户@例え。テスト', '用户', 'xn--r8jz45g.xn--zckzah'],
  ['a@مثال.إختبار', 'a', 'xn--mgbh0fb.xn--kgbechtv'],
  ['a@ไทย.ไทย', 'a', 'xn--o3cw4h.xn--o3cw4h'],
  ['a@faß.de', 'a', 'xn--fa-hia.de'],
])('%s is a mailbox, and its domain is sent in ASCII', (address, local, domain) => {
  expect(parseMailbox(address)).toEqual({ local, domain })
})

test('what is no host name, not a dot-atom, or an IP address is no mailbox', () => {
  const bad = [
    ...['anna', '', '@b.c', 'a@', 'a@b@c', 'a b@c.d', '.a@b.c', 'a.@b.c', 'a..b@c.d', 'a@b..c', 'a@.b', 'a@b.c.'],
    ...[
      'a@-b.c',
      'a@b-.c',
      'a@my_host.c',
      'a@xn--a',
      'a@b%41.c',
      'a@0\u05d0.example',
      'a@\u0301b.com',
      'a@ex＠mple.com',
    ],
    ...[
      'a@127.0.0.1',
      'a@１２７.0.0.1',
      'a@[127.0.0.1]',
      'a@[IPv6:::1]',
      '"a b"@c.d',
      'a(b)@c.d',
      'A <a@b.c>',
      'a@b.c, d@e.f',
    ],
    ...['a\u00a0b@c.d', 'a\u3000b@c.d', 'a@c\u00a0d.e', '=?utf-8?q?=41=42?=@b.c'],
  ]
  expect(bad.filter(isMailbox)).toEqual([])
})

test('lengths are counted in the octets that are sent', () => {
  const labels = `${'x'.repeat(61)}.`.repeat(3)
  const good = [
    `${'é'.repeat(32)}@b.c`,
    `${'a'.repeat(64)}@b.c`,
    `a@${'x'.repeat(63)}.c`,
    `a@${labels}${'x'.repeat(63)}.c`,
  ]
  const bad = [
    ...[`${'é'.repeat(33)}@b.c`, `${'a'.repeat(65)}@b.c`, `a@${'x'.repeat(64)}.c`],
    ...[`aaaa@${labels}${'x'.repeat(63)}.c`, `a@${'ü'.repeat(60)}.c`],
  ]
  expect([good.filter(isMailbox), bad.filter(isMailbox)]).toEqual([good, []])
})

test('characters that nobody sees are refused on either side of the @', () => {
  const unseen = [
    ...[
      '\0',
      '\n',
      '\x7f',
      '\x85',
      '\u00ad',
      '\u034f',
      '\u061c',
      '\u115f',
      '\u180e',
      '\u200b',
      '\u200c',
      '\u200d',
      '\u200e',
    ],
    ...['\u2028', '\u2029', '\u202a', '\u202e', '\u2060', '\u2066', '\u2069', '\u3164', '\ufe0f', '\ufeff', '\ufff9'],
    ...['\ud800', '\ue000', '\ufdd0', '\u{1d173}', '\u{e0001}', '\u{e0041}', '\u{e0100}', '\u{f0000}', '\u{10ffff}'],
  ]
  const addresses = unseen.flatMap((one) => [`an${one}na@b.c`, `anna${one}@b.c`, `anna@b${one}c.d`, `anna@b.c${one}`])
  expect([addresses.filter(isMailbox), unseen.filter((one) => !hasHiddenCharacters(one))]).toEqual([[], []])
})
