import { expect, test } from 'vitest'
import type { Scope, StateChange } from '../../stages/stage.js'
import { emptyContents } from '../logs/memory/contents.js'
import { seededRandom } from './seeded-random.js'
import { stateView } from './state-view.js'

const scope: Scope = { lane: 'high', partition: 0 }

function open() {
  const contents = emptyContents(1, 1000)
  const committed = (of: Scope) => contents.state('dedupe', of)
  const view = stateView({
    get: (of, key) => committed(of).get(key, 0),
    range: (of, from, to, limit) => committed(of).range(from, to, limit, 0),
  })
  const commit = (changes: readonly StateChange[]) => {
    for (const change of changes) committed(change.scope).apply(change)
    view.forget(changes)
  }
  return { view, commit }
}

test('reads see writes at once, and see the same after the commit', () => {
  const { view, commit } = open()
  const state = view.in(scope)
  state.put('a', Uint8Array.of(1), null)
  state.put('b', Uint8Array.of(2), null)
  const seen = () => [state.get('a'), state.get('b'), state.range('', '~', 9).map(({ key }) => key)]
  const before = seen()
  commit(view.takeChanges())
  expect([before, seen()]).toEqual(Array(2).fill([Uint8Array.of(1), Uint8Array.of(2), ['a', 'b']]))
  expect(view.takeChanges()).toEqual([])
})

test('what is written while a commit is under way stays', () => {
  const { view, commit } = open()
  const state = view.in(scope)
  state.put('a', Uint8Array.of(1), null)
  const first = view.takeChanges()
  state.put('a', Uint8Array.of(2), null)
  state.delete('b')
  commit(first)
  expect(state.get('a')).toEqual(Uint8Array.of(2))
  commit(view.takeChanges())
  expect([state.get('a'), state.get('b')]).toEqual([Uint8Array.of(2), undefined])
})

test('what is deleted is gone at once, and what was committed shows through elsewhere', () => {
  const { view, commit } = open()
  const state = view.in(scope)
  for (const key of ['a', 'b', 'c', 'd']) state.put(key, Uint8Array.of(1), null)
  commit(view.takeChanges())
  state.delete('b')
  state.put('bb', Uint8Array.of(2), null)
  const keys = [state.range('a', 'd', 9), state.range('a', 'z', 2), state.range('b', 'c', 9)]
  expect(keys.map((entries) => entries.map(({ key }) => key))).toEqual([['a', 'bb', 'c'], ['a', 'bb'], ['bb']])
})

test('scopes are apart', () => {
  const { view } = open()
  view.in(scope).put('a', Uint8Array.of(1), null)
  expect([view.in({ lane: 'low', partition: 0 }).get('a'), view.in({ ...scope }).get('a')]).toEqual([
    undefined,
    Uint8Array.of(1),
  ])
})

test('against a plain map, in any order of writes, commits and reads', () => {
  const random = seededRandom(3)
  const { view, commit } = open()
  const model = new Map<string, number>()
  const state = view.in(scope)
  for (let turn = 0; turn < 3000; turn++) {
    const key = `k${Math.floor(random() * 20)}`
    const chance = random()
    if (chance < 0.5) {
      state.put(key, Uint8Array.of(turn % 256), null)
      model.set(key, turn % 256)
    } else if (chance < 0.7) {
      state.delete(key)
      model.delete(key)
    } else if (chance < 0.8) {
      commit(view.takeChanges())
    }
    const limit = 1 + Math.floor(random() * 8)
    const wanted = [...model].sort(([a], [b]) => (a < b ? -1 : 1)).filter(([each]) => each >= 'k1' && each < 'k5')
    const found = state.range('k1', 'k5', limit).map(({ key: each, value }) => [each, value[0]])
    expect([found, state.get(key)?.[0]]).toEqual([wanted.slice(0, limit), model.get(key)])
  }
})
