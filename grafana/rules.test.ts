import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createApp } from '../ingress/app.js'
import { metricList } from '../pipeline/observe/metrics/list.js'
import { root } from '../testing/grafana/compose-under-test.js'
import { expressionProblems, knownSeries } from '../testing/grafana/expression-under-test.js'
import { prometheusHere, runPromtool } from '../testing/grafana/prometheus-under-test.js'
import { readRules } from '../testing/grafana/rules-under-test.js'
import { createFakePorts, fakeOptions } from '../testing/ingress/ports-fake.js'

const folder = join(root, 'grafana', 'rules')
const files = readdirSync(folder).filter((name) => name.endsWith('.yml'))
const tests = files.filter((name) => name.endsWith('.test.yml'))
const rules = readRules()
const alerts = rules.flatMap(({ alert, labels = {}, annotations = {}, expr }) =>
  alert === undefined ? [] : [{ alert, labels, annotations, expr }],
)
const actions = alerts.map(({ annotations }) => annotations.action ?? '')
const { programs, missing } = prometheusHere()
/** Of the longest: some 15 hours of series at steps of 30 s. */
const promtoolTimeoutMs = 180_000
/** Of some commands, each a process of its own. */
const helpTimeoutMs = 60_000

describe('The rules', () => {
  test('ask for series and labels that there are', () => {
    const known = knownSeries(
      rules.flatMap(({ record, ...rule }) => (record === undefined ? [] : [{ ...rule, record }])),
    )
    const named = rules.map(({ alert, record, expr }) => [alert ?? record, expressionProblems(expr, known)])
    expect(named.filter(([, problems]) => problems?.length !== 0)).toEqual([])
    const records = rules.flatMap(({ record }) => record ?? [])
    expect(records.filter((name) => !name.startsWith('carillon:'))).toEqual([])
  })

  test('look at requests by routes that there are, and at times by bounds that are counted', async () => {
    const answer = await createApp(createFakePorts(), fakeOptions).request('/openapi.json')
    const { paths } = (await answer.json()) as { paths: Record<string, object> }
    const routes = rules.flatMap(({ expr }) =>
      [...expr.matchAll(/http_route=~"([^"]*)"/g)].map(([, list = '']) => list.split('|')),
    )
    expect(new Set(routes.map(String))).toEqual(new Set([String(routes[0])]))
    expect(routes[0]?.filter((route) => !('post' in (paths[route] ?? {})))).toEqual([])
    const bounds = rules.flatMap(({ expr }) =>
      [...expr.matchAll(/le=~"(\d+)\|\1\\\\\.0"/g)].map(([, le]) => Number(le)),
    )
    expect(bounds).toEqual([10, 300])
    expect(metricList.acceptedToRecordedSeconds.buckets).toEqual(expect.arrayContaining(bounds))
  })
})

describe('Every alert', () => {
  test('says how urgent it is, what happened, what to do and where to look', () => {
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length)
    for (const { alert, labels, annotations } of alerts) {
      expect([alert, labels.severity]).toEqual([alert, expect.stringMatching(/^(?:page|ticket)$/)])
      expect([alert, Object.keys(annotations).sort()]).toEqual([alert, ['action', 'dashboard', 'summary']])
      expect([alert, annotations.summary]).toEqual([alert, expect.stringMatching(/[.)]$/)])
      // A command, an address to ask, or a line of the log.
      expect([alert, annotations.action]).toEqual([alert, expect.stringMatching(/`[^`]+`|GET \/|"[^"]+"/)])
      expect([alert, annotations.action?.includes('\n')]).toEqual([alert, false])
    }
  })

  test(
    'names commands and options that there are',
    () => {
      const executable = join(root, 'dist', 'pipeline', 'cli', 'main.js')
      const commands = actions.flatMap((action) =>
        [...action.matchAll(/`npx carillon ([^`]+)`/g)].map(([, line]) => line),
      )
      expect(commands.length).toBeGreaterThan(0)
      const help = new Map<string, string>()
      for (const line of new Set(commands.map(String))) {
        const words = line.replace(/ (?:--|<).*/, '')
        const args = [executable, ...words.split(' '), '--help']
        const told = help.get(words) ?? spawnSync(process.execPath, args, { encoding: 'utf8', env: {} }).stdout
        help.set(words, told)
        expect([line, told]).toEqual([line, expect.stringContaining(`Usage: carillon ${words}`)])
        const options = [...line.matchAll(/--\w+/g)].map(([option]) => option)
        expect([line, options.filter((option) => !told.includes(option))]).toEqual([line, []])
      }
    },
    helpTimeoutMs,
  )

  test('names addresses that are answered, and lines that are logged', async () => {
    const answer = await createApp(createFakePorts(), fakeOptions).request('/openapi.json')
    const { paths } = (await answer.json()) as { paths: Record<string, object> }
    const asked = actions.flatMap((action) =>
      [...action.matchAll(/(?:GET |\$CARILLON_URL)(\/[\w/-]+)/g)].map(([, path = '']) => path),
    )
    expect(asked.filter((path) => !('get' in (paths[path] ?? {})))).toEqual([])
    const source = sources('pipeline').join('\n')
    const lines = actions.flatMap((action) => [...action.matchAll(/"([A-Z][^"]+)"/g)].map(([, line = '']) => line))
    expect(lines.length).toBeGreaterThan(0)
    expect(lines.filter((line) => !source.includes(line))).toEqual([])
  })

  test('stands in docs/operations.md, as urgent as it is', () => {
    const page = readFileSync(join(root, 'docs', 'operations.md'), 'utf8')
    const rows = [...page.matchAll(/^\| (\w+) \| (page|ticket) \| /gm)].map(([, alert, severity]) => [alert, severity])
    expect(rows.sort()).toEqual(alerts.map(({ alert, labels }) => [alert, labels.severity]).sort())
  })

  test('is seen to fire by a test', () => {
    const told = tests.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n')
    const fires = (alert: string) => new RegExp(`alertname(?:=|: )"?${alert}\\b`).test(told)
    expect(alerts.filter(({ alert }) => !fires(alert)).map(({ alert }) => alert)).toEqual([])
  })
})

describe('promtool', () => {
  const skipped = missing ? `: skipped, ${missing}` : ''

  test.skipIf(missing)(`takes the rules${skipped}`, () => {
    if (!programs) throw new Error(missing)
    const names = files.filter((name) => !tests.includes(name))
    expect(runPromtool(programs, ['check', 'rules', ...names], folder)).toMatchObject({ status: 0 })
  })

  test.skipIf(missing).each(tests)(
    `sees what they tell, and when: %s${skipped}`,
    (name) => {
      if (!programs) throw new Error(missing)
      const { status, output } = runPromtool(programs, ['test', 'rules', name], folder)
      expect([status, output]).toEqual([0, expect.stringContaining('SUCCESS')])
    },
    promtoolTimeoutMs,
  )
})

/** The source files of a folder, but for tests. */
function sources(name: string): readonly string[] {
  return readdirSync(join(root, name), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => readFileSync(join(root, name, file), 'utf8'))
}
