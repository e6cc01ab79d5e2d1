import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { metricList } from '../pipeline/metrics/list.js'
import { stageNames } from '../stages/stage.js'
import { composeFile, root } from './compose-under-test.js'

const folder = join(root, 'grafana')
const { services } = composeFile({ CARILLON_API_KEY: 'a-key', GRAFANA_PASSWORD: 'a-password' })
const noPromtool =
  spawnSync('promtool', ['--version']).status === 0 ? null : 'promtool is not on the PATH (Debian: prometheus)'

const panels = z.array(
  z.looseObject({
    title: z.string(),
    datasource: z.object({ uid: z.string(), type: z.string() }),
    targets: z.array(z.looseObject({ expr: z.string() })).min(1),
  }),
)
const dashboard = z.looseObject({ uid: z.string(), title: z.string(), panels })
const dashboards = readdirSync(join(folder, 'dashboards')).map((name) =>
  dashboard.parse(JSON.parse(readFileSync(join(folder, 'dashboards', name), 'utf8'))),
)
const expressions = dashboards.flatMap(({ panels }) => panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)))

const scraped = z.object({
  scrape_configs: z.array(
    z.looseObject({
      job_name: z.string(),
      authorization: z.object({ credentials_file: z.string() }).optional(),
      dns_sd_configs: z.array(z.looseObject({ names: z.array(z.string()), port: z.number() })).optional(),
    }),
  ),
})

describe('Prometheus', () => {
  const text = readFileSync(join(folder, 'prometheus.yml'), 'utf8')
  const jobs = new Map(scraped.parse(parse(text)).scrape_configs.map((job) => [job.job_name, job]))

  test('scrapes every stage, and the ingress with the key', () => {
    const [stages] = jobs.get('carillon-stages')?.dns_sd_configs ?? []
    expect(stages).toMatchObject({ names: [...stageNames], port: 9464 })
    const ingress = jobs.get('carillon-ingress')
    expect(ingress?.dns_sd_configs?.[0]).toMatchObject({ names: ['ingress'], port: 3000 })
    expect(services.prometheus?.command?.[0]).toContain(`> ${ingress?.authorization?.credentials_file}`)
  })

  test.skipIf(noPromtool)(`can read its configuration${noPromtool ? `: skipped, ${noPromtool}` : ''}`, () => {
    // The file with the key is there only in the container.
    const file = join(folder, 'prometheus.yml')
    const { status, stderr } = spawnSync('promtool', ['check', 'config', '--syntax-only', file], { encoding: 'utf8' })
    expect([status, stderr]).toEqual([0, ''])
  })
})

describe('Grafana', () => {
  test('finds its source and its dashboards where the containers have them', () => {
    const sources = z.object({ datasources: z.array(z.looseObject({ uid: z.string(), url: z.string() })) })
    const [source] = sources.parse(provisioned('datasources', 'prometheus.yml')).datasources
    expect(source).toMatchObject({ uid: 'prometheus', url: 'http://prometheus:9090' })
    expect(services.prometheus?.networks).toEqual(expect.arrayContaining(services.grafana?.networks ?? ['none']))
    const used = dashboards.flatMap(({ panels }) => panels.map(({ datasource }) => datasource.uid))
    expect(new Set(used)).toEqual(new Set([source?.uid]))
    const providers = z.object({ providers: z.array(z.looseObject({ options: z.object({ path: z.string() }) })) })
    const [provider] = providers.parse(provisioned('dashboards', 'carillon.yml')).providers
    expect(services.grafana?.volumes).toContain(`./grafana/dashboards:${provider?.options.path}:ro`)
  })

  test('asks for metrics and labels that Carillon has', () => {
    const labels = new Map<string, readonly string[]>(
      Object.values(metricList).map(({ name, labels }) => [name, labels]),
    )
    expect(expressions.length).toBeGreaterThan(0)
    for (const expression of expressions) {
      const names = [...expression.matchAll(/carillon_\w+/g)].map(([name]) =>
        name.replace(/_(?:bucket|count|sum)$/, ''),
      )
      const known = new Set(['le', ...names.flatMap((name) => labels.get(name) ?? [])])
      const asked = [...expression.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', '))
      expect([expression, names.filter((name) => !labels.has(name))]).toEqual([expression, []])
      expect([expression, asked.filter((label) => !known.has(label))]).toEqual([expression, []])
    }
  })

  test.skipIf(noPromtool)(`asks in Prometheus’s language${noPromtool ? `: skipped, ${noPromtool}` : ''}`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'carillon-rules-'))
    const file = join(folder, 'rules.yml')
    const rules = expressions.map((expr, index) => ({ record: `panel:${index}`, expr }))
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'panels', rules }] }))
    const { status, stderr } = spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8' })
    rmSync(folder, { recursive: true })
    expect([status, stderr]).toEqual([0, ''])
  })
})

function provisioned(kind: string, name: string): unknown {
  return parse(readFileSync(join(folder, 'provisioning', kind, name), 'utf8'))
}
