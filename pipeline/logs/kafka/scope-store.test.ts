import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openScopeStore } from './scope-store.js'

test('entries of a range are counted, up to a bound', () => {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-scope-'))
  const store = openScopeStore(join(folder, 'scope.db'), 'identity')
  onTestFinished(() => {
    store.close()
    rmSync(folder, { recursive: true })
  })
  const value = new Uint8Array(1)
  store.apply(['a/1', 'b/1', 'b/2', 'b/3', 'c/1'].map((key) => ({ key, value, expiresAtMs: null })))
  store.apply([{ key: 'b/2', value: null, expiresAtMs: null }])
  expect([store.count('b/', 'b0', 10), store.count('b/', 'b0', 1), store.count('d/', 'd0', 10)]).toEqual([2, 1, 0])
})
