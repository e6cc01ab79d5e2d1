import { expect, test } from 'vitest'
import { type Measured, scenario } from './scenario.js'
import { scenarioNamed, scenarios } from './scenario-list.js'

const measured = (result: object): Measured => ({
  result: { ...result },
  summary: [],
  tally: { lost: 0, duplicates: 0 },
})

const example = scenario({
  name: 'example',
  says: 'nothing',
  takes: {
    rate: { least: 1, most: 10, usual: { sqlite: 5, kafka: 2 } },
    seconds: { least: 1, most: 60, usual: 10 },
  },
  takesSeconds: { sqlite: 1 },
  run: async (engine, settings) => measured({ engine, ...settings }),
})

test('a scenario is given what was asked for, and the usual for the rest', async () => {
  expect((await example.run('sqlite', { seconds: 3 })).result).toEqual({ engine: 'sqlite', rate: 5, seconds: 3 })
})

test('what a scenario does not take, and what is out of bounds, is refused with what it takes', async () => {
  const problems = [
    example.run('sqlite', { count: 3 }),
    example.run('sqlite', { rate: 11 }),
    example.run('sqlite', { stage: 'route' }),
    example.run('kafka', {}),
  ].map((run) => run.then(String, ({ message }: Error) => message))
  expect(await Promise.all(problems)).toEqual([
    'example does not take --count; it takes --rate, --seconds',
    '--rate must be from 1 to 10',
    'example does not take --stage; it takes --rate, --seconds',
    'example is measured with --engine sqlite only',
  ])
  expect(() => scenarioNamed('speed')).toThrow('There is no scenario speed; there are ingest, drain')
})

test('every scenario has a name of its own, and usual options within its bounds', () => {
  expect(new Set(scenarios.map(({ name }) => name)).size).toBe(scenarios.length)
  for (const { takes, engines } of scenarios) {
    for (const { usual, least, most } of Object.values(takes)) {
      const values = typeof usual === 'number' ? [usual] : engines.map((engine) => usual[engine])
      for (const value of values) expect(value >= least && value <= most).toBe(true)
    }
  }
})
