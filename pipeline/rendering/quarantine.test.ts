import { expect, test } from 'vitest'
import { createQuarantine } from './isolation.js'

test('a version is out after three strikes, whatever others do', () => {
  const quarantine = createQuarantine()
  for (const template of ['a', 'b', 'a', 'b', 'a']) quarantine.strike(template)
  expect([quarantine.has('a'), quarantine.has('b'), quarantine.list()]).toEqual([true, false, ['a']])
})

test('it remembers a thousand versions', () => {
  const quarantine = createQuarantine()
  for (let strike = 0; strike < 3; strike += 1) quarantine.strike('first')
  for (let version = 0; version < 999; version += 1) quarantine.strike(`${version}`)
  expect(quarantine.has('first')).toBe(true)
  quarantine.strike('one more')
  expect(quarantine.has('first')).toBe(false)
})
