import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { stageNames } from '../stages/stage.js'
import { composeFile, root } from '../testing/grafana/compose-under-test.js'
import { prometheusHere, runPromtool } from '../testing/grafana/prometheus-under-test.js'

const folder = join(root, 'grafana')
const { services } = composeFile({ CARILLON_API_KEY: 'a-key', GRAFANA_PASSWORD: 'a-password' })
const { programs, missing } = prometheusHere()

const scraped = z.object({
  rule_files: z.array(z.string()),
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
  const { scrape_configs, rule_files } = scraped.parse(parse(text))
  const jobs = new Map(scrape_configs.map((job) => [job.job_name, job]))

  test('scrapes every stage, and the ingress with the key', () => {
    const [stages] = jobs.get('carillon-stages')?.dns_sd_configs ?? []
    expect(stages).toMatchObject({ names: [...stageNames], port: 9464 })
    const [lag] = jobs.get('carillon-lag')?.dns_sd_configs ?? []
    expect(lag).toMatchObject({ names: ['lag-exporter'], port: 9464 })
    const ingress = jobs.get('carillon-ingress')
    expect(ingress?.dns_sd_configs?.[0]).toMatchObject({ names: ['ingress'], port: 3000 })
    expect(services.prometheus?.command?.[0]).toContain(`> ${ingress?.authorization?.credentials_file}`)
  })

  test('reads every file of rules, and not their tests', () => {
    const files = readdirSync(join(folder, 'rules')).filter((name) => !name.endsWith('.test.yml'))
    expect(rule_files).toEqual(files.sort().map((name) => `rules/${name}`))
    expect(services.prometheus?.volumes).toEqual(
      expect.arrayContaining([
        './grafana/prometheus.yml:/etc/prometheus/prometheus.yml:ro',
        './grafana/rules:/etc/prometheus/rules:ro',
      ]),
    )
  })

  test('keeps what the objectives look back on', () => {
    const [, days = ''] = /--storage\.tsdb\.retention\.time=(\d+)d/.exec(services.prometheus?.command?.[0] ?? '') ?? []
    expect(Number(days)).toBeGreaterThan(30)
  })

  test.skipIf(missing)(`can read its configuration${missing ? `: skipped, ${missing}` : ''}`, () => {
    if (!programs) throw new Error(missing)
    // The file with the key is there only in the container.
    const { status, output } = runPromtool(programs, [
      'check',
      'config',
      '--syntax-only',
      join(folder, 'prometheus.yml'),
    ])
    expect([status, output]).toEqual([0, expect.stringContaining('SUCCESS')])
  })
})

describe('Grafana', () => {
  test('finds its source and its dashboards where the containers have them', () => {
    const sources = z.object({ datasources: z.array(z.looseObject({ uid: z.string(), url: z.string() })) })
    const [source] = sources.parse(provisioned('datasources', 'prometheus.yml')).datasources
    expect(source).toMatchObject({ uid: 'prometheus', url: 'http://prometheus:9090' })
    expect(services.prometheus?.networks).toEqual(expect.arrayContaining(services.grafana?.networks ?? ['none']))
    const providers = z.object({ providers: z.array(z.looseObject({ options: z.object({ path: z.string() }) })) })
    const [provider] = providers.parse(provisioned('dashboards', 'carillon.yml')).providers
    expect(services.grafana?.volumes).toContain(`./grafana/dashboards:${provider?.options.path}:ro`)
  })
})

function provisioned(kind: string, name: string): unknown {
  return parse(readFileSync(join(folder, 'provisioning', kind, name), 'utf8'))
}
