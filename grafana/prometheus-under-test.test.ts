import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { prometheusHere, prometheusUnderTest, runPromtool } from '../testing/grafana/prometheus-under-test.js'
import { until } from '../testing/until.js'

const { programs, missing } = prometheusHere()

test.skipIf(missing)(`Prometheus scrapes, evaluates and reloads${missing ? `: skipped, ${missing}` : ''}`, async () => {
  if (!programs) throw new Error(missing)
  expect(runPromtool(programs, ['--version'])).toEqual({ status: 0, output: expect.stringContaining('promtool') })
  const folder = mkdtempSync(join(tmpdir(), 'carillon-rules-'))
  const ruleFile = join(folder, 'rules.yml')
  const rules = [
    { record: 'the:double', expr: 'the_number * 2' },
    { alert: 'Many', expr: 'the_number > 3', labels: { severity: 'page' }, annotations: { summary: 'Too many.' } },
  ]
  writeFileSync(ruleFile, JSON.stringify({ groups: [{ name: 'rules', rules }] }))
  const scraped = createServer((_, response) => response.end('the_number 4\nendless +Inf\n'))
  await new Promise<void>((resolve) => scraped.listen(0, '127.0.0.1', resolve))
  const target = `127.0.0.1:${(scraped.address() as AddressInfo).port}`
  const jobs = [{ job: 'one', targets: [{ target, labels: { service: 'a' } }] }]
  const prometheus = await prometheusUnderTest(programs, { jobs, ruleFiles: [ruleFile] })
  try {
    const value = async (expression: string) => (await prometheus.query(expression))[0]?.value[1]
    await until(
      async () => (await value('the:double')) === 8,
      () => prometheus.log(),
    )
    expect((await prometheus.query('endless{service="a"}'))[0]?.value[1]).toBe(Number.POSITIVE_INFINITY)
    await expect(prometheus.query('sum(')).rejects.toThrow('parse error')
    expect((await prometheus.targets()).map(({ health }) => health)).toEqual(['up'])
    expect((await prometheus.rules()).map(({ name, health }) => [name, health])).toEqual([
      ['the:double', 'ok'],
      ['Many', 'ok'],
    ])
    const now = Date.now() / 1000
    const range = await prometheus.queryRange('the_number', { from: now - 60, to: now, step: 1 })
    expect(range.map(({ values }) => new Set(values.map(([, one]) => one)))).toEqual([new Set([4])])
    expect(await prometheus.alerts()).toMatchObject([{ state: 'firing', labels: { alertname: 'Many', job: 'one' } }])
    await prometheus.reload({ jobs: [] })
    await until(
      async () => (await prometheus.targets()).length === 0,
      () => prometheus.log(),
    )
    expect(await prometheus.alerts()).toEqual([])
  } finally {
    await prometheus.close()
    scraped.close()
    rmSync(folder, { recursive: true })
  }
})
