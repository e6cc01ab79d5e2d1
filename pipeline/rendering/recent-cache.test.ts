import { expect, test } from 'vitest'
import { recentCache } from './recent-cache.js'

test('it forgets what was not used for longest', () => {
  const cache = recentCache<number>(2)
  cache.set('a', 1)
  cache.set('b', 2)
  cache.get('a')
  cache.set('c', 3)
  expect(['a', 'b', 'c'].map((key) => cache.get(key))).toEqual([1, undefined, 3])
})
