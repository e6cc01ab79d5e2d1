import { describe, expect, test } from 'vitest'
import { allowList, parseAllowEntry } from './allow-list.js'

describe('a host', () => {
  const list = allowList(['localhost', 'Hooks.Internal.:8080'])

  test('is let through as it is written in the URL, in any case and with a dot at its end', () => {
    const hosts = ['localhost', 'LOCALHOST.', 'evil.localhost', 'localhost.evil.test', '127.0.0.1']
    expect(hosts.map((host) => list.allowsHost(host, 80))).toEqual([true, true, false, false, false])
  })

  test('with a port is let through at that port alone', () => {
    expect([8080, 80].map((port) => list.allowsHost('hooks.internal', port))).toEqual([true, false])
  })
})

describe('a network', () => {
  const list = allowList(['10.0.0.0/8', '127.0.0.1:8080', '[::1]:9000', 'fd00::/8', ' 192.0.2.1 '])

  test('lets its addresses through, and those mapped into IPv6', () => {
    const addresses = ['10.255.0.1', '11.0.0.1', '::ffff:10.0.0.1', 'fd12::1', 'fc00::1', '192.0.2.1', '192.0.2.2']
    const allowed = addresses.filter((address) => list.allowsAddress(address, 443))
    expect(allowed).toEqual(['10.255.0.1', '::ffff:10.0.0.1', 'fd12::1', '192.0.2.1'])
  })

  test('with a port lets them through at that port alone', () => {
    const targets = [
      ['127.0.0.1', 8080],
      ['127.0.0.1', 80],
      ['::1', 9000],
      ['::1', 80],
    ] as const
    expect(targets.map(([address, port]) => list.allowsAddress(address, port))).toEqual([true, false, true, false])
  })
})

test('what can be read in two ways, or in none, is refused by its name', () => {
  const texts = [
    '',
    '*',
    'http://a.test',
    '10.0.0.0/33',
    '10.1',
    '0177.0.0.1',
    '2130706433',
    'a.test:0',
    'a.test:65536',
  ]
  expect([...texts, 'a test', 'a:b', '[::1', ':::', '1.2.3.4.5', 'a.test/8'].map(parseAllowEntry)).toEqual(
    Array.from({ length: 15 }, () => null),
  )
  expect(() => allowList(['localhost', '10.1'])).toThrow('"10.1" is neither a host')
})
