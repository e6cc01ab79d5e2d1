import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import type { Change } from '../../schemas/record.js'
import { changeOf } from '../../testing/ingress/live/live-under-test.js'
import { createChanges, type Interest } from './changes.js'

/** Changes on a watch that the test tells, and streams that note what they hear. */
function underTest() {
  const watches = new Set<(change: Change) => void>()
  const changes = createChanges({
    watch: (onChange, onReady) => {
      watches.add(onChange)
      onReady?.()
      return () => watches.delete(onChange)
    },
  })
  const attend = (interest: Interest) => {
    const heard: string[] = []
    const listener = { changed: ({ id }: Change) => heard.push(id), missed: () => heard.push('missed') }
    return { heard, ...changes.attend(interest, listener) }
  }
  const tell = (...ids: string[]) => {
    for (const watch of watches) for (const id of ids) watch(changeOf({ id }))
  }
  return { attend, tell, watches }
}

it('one watch serves all, and ends with the last', () => {
  const { attend, watches } = underTest()
  const [first, second] = [attend({}), attend({ notification: 'n-1' })]
  expect(watches.size).toBe(1)
  first.end()
  first.end()
  expect(watches.size).toBe(1)
  second.end()
  expect(watches.size).toBe(0)
  attend({ recipient: 'user-42' })
  expect(watches.size).toBe(1)
})

it('a flood is told in portions, in order, with turns of the loop in between', async () => {
  const { attend, tell } = underTest()
  const { heard } = attend({})
  const ids = Array.from({ length: 300 }, (_, number) => `n-${number}`)
  tell(...ids)
  const portions: number[] = []
  while (heard.length < ids.length) {
    await turn()
    portions.push(heard.length)
  }
  expect([heard, new Set(portions)]).toEqual([ids, new Set([128, 256, 300])])
})

it('where more wait than may, all who listen are told that they missed some', async () => {
  const { attend, tell } = underTest()
  const [one, other] = [attend({}), attend({ notification: 'n-x' })]
  tell(...Array.from({ length: 20_001 }, () => 'n-1'))
  await turn()
  expect([one.heard, other.heard]).toEqual([['missed'], ['missed']])
  tell('n-2')
  await turn()
  expect(one.heard).toEqual(['missed', 'n-2'])
})
