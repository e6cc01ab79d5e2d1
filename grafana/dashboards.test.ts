import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as units from '@grafana/grafana-foundation-sdk/units'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { root } from '../testing/grafana/compose-under-test.js'
import { expressionProblems, knownSeries, labelsIn } from '../testing/grafana/expression-under-test.js'
import { prometheusHere, runPromtool } from '../testing/grafana/prometheus-under-test.js'
import { readRules } from '../testing/grafana/rules-under-test.js'
import { dashboardOf, tracesLink } from './board.js'
import { boards } from './boards/boards.js'

const source = z.object({ type: z.string(), uid: z.string() })
const link = z.looseObject({ title: z.string(), url: z.string().optional(), tags: z.array(z.string()) })
const panel = z.looseObject({
  id: z.number(),
  type: z.string(),
  title: z.string(),
  description: z.string(),
  datasource: source,
  gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
  fieldConfig: z.looseObject({ defaults: z.looseObject({ unit: z.string() }) }),
  targets: z
    .array(z.looseObject({ expr: z.string(), legendFormat: z.string().default(''), datasource: source }))
    .min(1),
  links: z.array(link).default([]),
})
const row = z.looseObject({ id: z.number(), type: z.literal('row'), title: z.string() })
const variable = z.looseObject({ name: z.string(), type: z.string(), current: z.looseObject({ value: z.unknown() }) })
const dashboard = z.looseObject({
  uid: z.string(),
  title: z.string(),
  panels: z.array(z.union([row, panel])),
  links: z.array(link),
  templating: z.object({ list: z.array(variable) }),
})

const folder = join(root, 'grafana', 'dashboards')
const rules = readRules()
const known = knownSeries(rules.flatMap(({ record, ...rule }) => (record === undefined ? [] : [{ ...rule, record }])))
const dashboards = readdirSync(folder).map((name) => dashboard.parse(read(name)))
const uids = new Set(dashboards.map(({ uid }) => uid))
const provisioned = sourcesProvisioned()
const { programs, missing } = prometheusHere()

describe.each(dashboards.map((one) => [one.title, one] as const))('%s', (_, { uid, panels, links, templating }) => {
  const shown = panels.filter((one): one is z.infer<typeof panel> => one.type !== 'row')
  const variables = new Map(templating.list.map((one) => [one.name, one]))

  test('is what the generator makes', () => {
    const board = boards.find((one) => one.uid === uid)
    expect(board && JSON.parse(JSON.stringify(dashboardOf(board)))).toEqual(read(`${uid}.json`))
  })

  test('asks in PromQL for what there is', () => {
    const problems = shown.flatMap(({ title, targets }) =>
      targets.flatMap(({ expr }) => expressionProblems(filled(expr), known).map((problem) => [title, problem])),
    )
    expect(problems).toEqual([])
  })

  test('names in its legends only labels that there are', () => {
    const missing = shown.flatMap(({ title, targets }) =>
      targets.flatMap(({ expr, legendFormat }) => {
        const there = labelsIn(filled(expr), known)
        const named = [...legendFormat.matchAll(/{{(\w+)}}/g)].map(([, label = '']) => label)
        return named.filter((label) => !there.has(label)).map((label) => [title, label])
      }),
    )
    expect(missing).toEqual([])
  })

  test('takes rates over as much as Grafana says', () => {
    const fixed = shown.flatMap(({ targets }) =>
      targets.flatMap(({ expr }) =>
        [...expr.matchAll(/\b(?:rate|irate)\([^[]*\[([^\]]*)\]/g)].map(([, range]) => range),
      ),
    )
    expect(new Set(fixed)).toEqual(new Set(['$__rate_interval']))
  })

  test('uses the variables that it has, and has those that it uses', () => {
    const used = shown.flatMap(({ targets, datasource }) => [
      datasource.uid,
      ...targets.flatMap((target) => [target.datasource.uid, ...(target.expr.match(/\$(?!__)\w+/g) ?? [])]),
    ])
    expect(new Set(used)).toEqual(new Set([...variables.keys()].map((name) => `$${name}`)))
    for (const { type, query } of variables.values()) {
      if (type !== 'query') continue
      const [, metric = '', label = ''] =
        /^label_values\((\w+), (\w+)\)$/.exec(z.object({ query: z.string() }).parse(query).query) ?? []
      expect([metric, label, known.get(metric)?.has(label)]).toEqual([metric, label, true])
    }
    expect(provisioned).toContainEqual({ type: 'prometheus', uid: variables.get('datasource')?.current.value })
  })

  test('says of each panel what it answers, how to read it, and in what unit', () => {
    expect(shown.filter(({ title }) => !title.endsWith('?')).map(({ title }) => title)).toEqual([])
    expect(new Set(shown.map(({ title }) => title)).size).toBe(shown.length)
    expect(shown.filter(({ description }) => description.length < 20).map(({ title }) => title)).toEqual([])
    const known = new Set<unknown>(Object.values(units))
    expect(shown.filter(({ fieldConfig }) => !known.has(fieldConfig.defaults.unit)).map(({ title }) => title)).toEqual(
      [],
    )
  })

  test('gives each panel an id and a place of its own', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const taken = shown.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    )
    expect(new Set(taken).size).toBe(taken.length)
    expect(shown.filter(({ gridPos: { x, w } }) => x + w > 24).map(({ title }) => title)).toEqual([])
  })

  test('leads to dashboards that there are, and to the traces', () => {
    const urls = [...links, ...shown.flatMap((one) => one.links)].flatMap(({ url }) => (url ? [url] : []))
    const targets = urls.map((url) => (url === tracesLink ? 'traces' : /^\/d\/([\w-]+)\?/.exec(url)?.[1]))
    expect(targets.filter((target) => target === undefined || !(target === 'traces' || uids.has(target)))).toEqual([])
    expect(targets).toContain('traces')
    expect(links.flatMap(({ tags }) => tags)).toEqual(['carillon'])
  })
})

test('There is a dashboard for each question', () => {
  expect([...uids].sort()).toEqual(boards.map(({ uid }) => uid).sort())
  expect(boards.map(({ title }) => title)).toEqual(['Overview', 'Lag', 'Delivery', 'Ingress', 'Runtime'])
})

test('The link to the traces asks a data source that is provisioned', () => {
  const query = new URLSearchParams(tracesLink.split('?')[1]?.replaceAll(/\$\{(\w+)\}/g, '$1'))
  const pane = z.object({ datasource: z.string(), queries: z.array(z.looseObject({ datasource: source })) })
  const { traces } = z.object({ traces: pane }).parse(JSON.parse(query.get('panes') ?? ''))
  expect(traces).toMatchObject({ queries: [{ queryType: 'search', service: 'carillon' }] })
  expect(traces.queries.map(({ datasource }) => datasource)).toEqual([{ type: 'jaeger', uid: traces.datasource }])
  expect(provisioned).toContainEqual({ type: 'jaeger', uid: traces.datasource })
})

test('Alerts lead to dashboards that there are, with variables that they have', () => {
  const alerts = rules.filter(({ alert }) => alert !== undefined)
  expect(alerts.length).toBeGreaterThan(0)
  for (const { alert, annotations } of alerts) {
    const [, uid, name] = /^\/d\/([\w-]+)(?:\?var-(\w+)=.*)?$/.exec(annotations?.dashboard ?? '') ?? []
    const variables = boards.find((board) => board.uid === uid)?.variables.map((one) => one.name)
    expect([alert, variables !== undefined, name === undefined || variables?.includes(name)]).toEqual([
      alert,
      true,
      true,
    ])
  }
})

test.each([
  ['sum by (stage (x)', 'no PromQL at 14'],
  ['carillon_no_such_metric', 'no series carillon_no_such_metric'],
  ['carillon_stage_restarts_total{lane="high"}', 'carillon_stage_restarts_total has no label lane'],
  ['sum by (lane) (carillon_stage_restarts_total)', 'nothing is by lane here'],
  ['up / on (lane) up', 'nothing is by lane here'],
  ['carillon_provider_call_duration_seconds', 'no series carillon_provider_call_duration_seconds'],
])('%s is seen to be wrong', (expression, problem) => {
  expect(expressionProblems(expression, known)).toContain(problem)
})

test.skipIf(missing)(`promtool takes every expression${missing ? `: skipped, ${missing}` : ''}`, () => {
  if (!programs) throw new Error(missing)
  const place = mkdtempSync(join(tmpdir(), 'carillon-panels-'))
  const file = join(place, 'panels.yml')
  const expressions = boards.flatMap(({ rows }) => rows.flatMap(({ panels }) => panels.flatMap((one) => one.queries)))
  const records = expressions.map(({ expr }, index) => ({ record: `panel:${index}`, expr: filled(expr) }))
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'panels', rules: records }] }))
  const { status, output } = runPromtool(programs, ['check', 'rules', file])
  rmSync(place, { recursive: true })
  expect([status, output]).toEqual([0, expect.stringContaining(`${expressions.length} rules found`)])
})

function filled(text: string): string {
  return text.replaceAll('$__rate_interval', '1m').replaceAll(/\$(\w+)/g, '.*')
}

function read(name: string): unknown {
  return JSON.parse(readFileSync(join(folder, name), 'utf8'))
}

function sourcesProvisioned(): readonly z.infer<typeof source>[] {
  const sources = join(root, 'grafana', 'provisioning', 'datasources')
  return readdirSync(sources).flatMap((name) => {
    const file = z.object({ datasources: z.array(source) })
    return file.parse(parse(readFileSync(join(sources, name), 'utf8'))).datasources
  })
}
