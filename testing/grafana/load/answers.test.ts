import { expect, test } from 'vitest'
import type { PrometheusSeries } from '../prometheus-under-test.js'
import { emptyOf, panelAnswers } from './answers.js'

const span = { from: 0, to: 60 }
const asks = (series: readonly PrometheusSeries[]) =>
  panelAnswers({ queryRange: async () => series }, span, new Set(['kafka', 'mongodb', 'sqlite', 'rules']))
const seriesOf = (...numbers: readonly number[]): PrometheusSeries => ({
  metric: {},
  values: numbers.map((value, at) => [at, value]),
})
const problemsOf = async (series: readonly PrometheusSeries[]) =>
  new Set((await asks(series)).map(({ problem }) => problem))

test('a panel is empty that has no series, no number, or nothing but zeros', async () => {
  expect(await problemsOf([])).toEqual(new Set(['no series']))
  const empty = new Set(['only zeros, or no number'])
  expect(await problemsOf([seriesOf(0, 0), seriesOf(0)])).toEqual(empty)
  expect(await problemsOf([seriesOf(Number.NaN, Number.POSITIVE_INFINITY, 0)])).toEqual(empty)
})

test('a panel is wrong that has more than it shows, or no label that its legend names', async () => {
  const found = await problemsOf([seriesOf(0, 2)])
  expect(found).toContain('more than the panel shows: 2')
  expect(found).toContain('no label stage for the legend')
  expect(found).toContain(null)
})

test('a query that Prometheus refuses is told', async () => {
  const queryRange = () => Promise.reject(new Error('parse error'))
  const answers = await panelAnswers({ queryRange }, span, new Set())
  expect(new Set(answers.map(({ problem }) => problem))).toEqual(new Set(['Error: parse error']))
})

test('nothing is asked that needs what is not there, and only what is quiet may be empty', async () => {
  const all = await asks([])
  const some = await panelAnswers({ queryRange: async () => [] }, span, new Set())
  expect(some.filter(({ query }) => query.needs !== undefined)).toEqual([])
  expect(all.length).toBeGreaterThan(some.length)
  const quiet = all.filter((answer) => !emptyOf(all).includes(answer))
  expect(quiet.map(({ panel }) => panel)).toEqual(['How long until a restore is done?'])
})
