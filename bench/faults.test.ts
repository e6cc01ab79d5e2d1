import { expect, test } from 'vitest'
import { faults, judge } from './faults-run.js'

test('whatever is killed, everything accepted ends, and only calls under way are repeated', async () => {
  const { run, unexplained, lost } = await faults('sqlite', { kills: 2, count: 200, seed: 7 })
  expect({ ...run, unexplained, shown: lost }).toEqual({
    ...{ seed: 7, accepted: 200, terminal: 200, lost: 0, distinctKeys: 200, kills: 2 },
    duplicateProviderCalls: expect.any(Number),
    ...{ unexplained: 0, shown: [] },
  })
})

test('what has not ended, or never came, is lost; a call repeated without a kill between is not explained', () => {
  const calls = new Map([
    ['a.webhook', [100, 300]],
    ['b.webhook', [100, 150]],
    ['c.webhook', [100]],
  ])
  const open = new Map([['c', 'processing, last throttle released']])
  expect(judge({ seed: 1, ids: ['a', 'b', 'c', 'd'], open, calls, killedAtMs: [200] })).toEqual({
    run: {
      ...{ seed: 1, accepted: 4, terminal: 3, lost: 2, duplicateProviderCalls: 2, distinctKeys: 3, kills: 1 },
    },
    unexplained: 1,
    lost: ['c has not ended: processing, last throttle released', 'd has ended, and the receiver never saw it'],
  })
})
