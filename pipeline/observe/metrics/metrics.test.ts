import { open } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { metricList, ownMetrics } from './list.js'
import { mergedPage } from './merged-page.js'
import { createMetrics } from './metrics.js'
import { nodeMetrics } from './node-metrics.js'

/** Names with their types, as the page declares them. */
const typesOn = (page: string) =>
  Object.fromEntries([...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]))

/** `name{a,b}` for each line of values; buckets without their bounds. */
const seriesOn = (page: string) =>
  page
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', labels = ''] = /^(\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? \S+$/.exec(line) ?? []
      const names = [...labels.matchAll(/(\w+)="/g)].map(([, label = '']) => label)
      return { name, line, labels: names.filter((label) => label !== 'le').sort() }
    })

const valuesOf = (page: string, name: string) => page.split('\n').filter((line) => line.startsWith(name))

async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  await nextTurn()
  await nextTurn()
}

test('the page of two threads shows what is listed, and nothing else', async () => {
  const page = mergedPage(await createMetrics('http').text(), await createMetrics('engine').text())
  expect(typesOn(page)).toEqual(Object.fromEntries(Object.values(metricList).map(({ name, type }) => [name, type])))
})

test('the metrics of Node that are listed are those of its library, with its labels', async () => {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const told = (await registry.getMetricsAsJSON()).map(({ name, type }) => ({ name, type: String(type) }))
  const listed = Object.values(nodeMetrics).map(({ name, type }) => ({ name, type }))
  const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1)
  expect(listed.sort(byName)).toEqual(told.sort(byName))

  const metrics = createMetrics('main')
  await collectGarbage()
  // A request that is under way while the page is made.
  const opened = new Promise((resolve) => open('/', resolve))
  const series = seriesOn(await metrics.text())
  await opened
  const labels = Object.values(nodeMetrics).map((metric) => [metric.name, [...metric.labels].sort()])
  const shown = new Map(series.map(({ name, labels: own }) => [name, own]))
  expect(labels.map(([name]) => [name, shown.get(String(name))])).toEqual(labels)
})

test('what is the process’s is told once, what is a thread’s by each under its name', async () => {
  const page = mergedPage(await createMetrics('http').text(), await createMetrics('engine').text())
  const series = seriesOn(page).filter(({ name }) => /^(nodejs|process)_/.test(name))
  const memory = series.filter(({ name }) => name === 'process_resident_memory_bytes').map(({ line }) => line)
  expect(memory).toHaveLength(1)
  expect(Number(memory[0]?.split(' ')[1])).toBeLessThan(2 * process.memoryUsage().rss)
  const start = Number(valuesOf(page, 'process_start_time_seconds')[0]?.split(' ')[1])
  expect(Math.abs(start - (Date.now() / 1000 - process.uptime()))).toBeLessThan(2)
  const heaps = series.filter(({ name }) => name === 'nodejs_heap_size_used_bytes')
  expect(heaps.map(({ line }) => line.split(' ')[0])).toEqual([
    'nodejs_heap_size_used_bytes{thread="http"}',
    'nodejs_heap_size_used_bytes{thread="engine"}',
  ])
})

test('what both threads count is added', async () => {
  const http = createMetrics()
  const engine = createMetrics()
  const labels = { db_system_name: 'sqlite', db_operation_name: 'read', error_type: '' }
  http.databaseSeconds.observe(labels, 0.25)
  engine.databaseSeconds.observe(labels, 0.5)
  engine.running.set({ stage: 'route' }, 1)
  const page = mergedPage(await http.text(), await engine.text())
  const name = 'db_client_operation_duration_seconds'
  const shown = '{db_system_name="sqlite",db_operation_name="read",error_type=""}'
  expect(valuesOf(page, `${name}_sum`)).toEqual([`${name}_sum${shown} 0.75`])
  expect(valuesOf(page, `${name}_count`)).toEqual([`${name}_count${shown} 2`])
  expect(valuesOf(page, 'carillon_stage_running')).toEqual(['carillon_stage_running{stage="route"} 1'])
})

test('without a thread’s name nothing of Node is told', async () => {
  expect(Object.keys(typesOn(await createMetrics().text())).sort()).toEqual(
    Object.values(ownMetrics)
      .map(({ name }) => name)
      .sort(),
  )
})

test('a gauge that is measured at each scrape is as it is then', async () => {
  const metrics = createMetrics()
  let bytes = 1
  metrics.atScrape('databaseBytes', () => metrics.databaseBytes.set({ file: 'wal' }, bytes))
  const shown = async () => valuesOf(await metrics.text(), 'carillon_sqlite_file_bytes')
  expect(await shown()).toEqual(['carillon_sqlite_file_bytes{file="wal"} 1'])
  bytes = 2
  expect(await shown()).toEqual(['carillon_sqlite_file_bytes{file="wal"} 2'])
})
