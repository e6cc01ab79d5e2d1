import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { memberIds } from './member-ids.js'

const folder = mkdtempSync(join(tmpdir(), 'carillon-ids-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('a process names its members as the one before it on its folder did, each running one differently', () => {
  const before = memberIds(folder)
  const [first, second, other] = [before.take('dedupe'), before.take('dedupe'), before.take('deliver')]
  expect([second, other]).toEqual([`${first}-1`, first])
  before.free('dedupe', first)
  expect(before.take('dedupe')).toBe(first)
  expect(memberIds(folder).take('dedupe')).toBe(first)
  writeFileSync(join(folder, 'member-id'), 'broken')
  expect(memberIds(folder).take('dedupe')).not.toBe(first)
})
