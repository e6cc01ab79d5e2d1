/** Holds the documentation to the code: what can be set, asked, measured and called stands there, and nothing else. The
 *  tables are generated; this asks the running code in their place, so that a generator that leaves something out fails. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { createApp } from '../ingress/app.js'
import { loadConfig } from '../pipeline/config/config.js'
import { parseFile } from '../pipeline/config/file.js'
import { ConfigProblems } from '../pipeline/config/problems.js'
import { metricList } from '../pipeline/observe/metrics/list.js'
import { createFakePorts, fakeOptions } from '../testing/ingress/ports-fake.js'

/** The compiled test stands in dist/docs. */
const root = join(import.meta.dirname, '..', '..')
const page = (name: string) => readFileSync(join(root, 'docs', name), 'utf8')
const configuration = page('configuration.md')

const folder = mkdtempSync(join(tmpdir(), 'carillon-docs-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Rows of all tables of some pages, by each name in backticks in their first cell. */
const rows = new Map(
  [configuration, page('api.md'), page('contracts.md')]
    .join('\n')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) => {
      const cells = line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, ''))
      return [...(cells[0] ?? '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => [name, cells] as const)
    }),
)

const namesLike = (form: RegExp) => [...rows.keys()].filter((name) => form.test(name)).sort()

const file = join(folder, 'carillon.yaml')

/** What the configuration complains of, a line for each problem. */
function problemsOf(environment: Record<string, string>, yaml = ''): readonly string[] {
  writeFileSync(file, yaml)
  try {
    loadConfig({ CARILLON_CONFIG: file, ...environment })
    return []
  } catch (error) {
    if (error instanceof ConfigProblems) return error.problems
    throw error
  }
}

/** `0 to 65535`, as the complaint says it; undefined for what is not bounded by numbers. */
function boundsIn(problems: readonly string[]): string | undefined {
  const [, least, most] = /must be a (?:whole )?number from ([\d.]+) to (\d+)/.exec(problems.join('\n')) ?? []
  return least && `${least} to ${most}`
}

/** The keys that a section names when it is asked for one that it does not know. */
function keysOf(yaml: string): readonly string[] {
  const known = /is not known; it is one of (.*)/.exec(problemsOf({}, yaml).join('\n'))?.[1]
  if (known === undefined) throw new Error(`Nothing was said of an unknown key in ${yaml}`)
  return known.split(', ')
}

describe('the documentation', () => {
  test('has every variable, with its bounds, and no other', () => {
    const source = readFileSync(join(root, 'pipeline', 'config', 'environment.ts'), 'utf8')
    const variables = [...source.matchAll(/^ {2}(CARILLON_[A-Z_]+): /gm)].map(([, name = '']) => name)
    expect(namesLike(/^CARILLON_[A-Z_]+$/)).toEqual(variables.sort())
    const bounds = variables.map((name) => [name, boundsIn(problemsOf({ [name]: '-1' }))] as const)
    const bounded = bounds.filter(([, said]) => said !== undefined)
    expect(bounded.map(([name]) => [name, rows.get(name)?.[2]])).toEqual(bounded)
    expect(bounded.length).toBe(3)
  })

  test('has every key of the file, with its default and bounds, and no other', () => {
    const sections = keysOf('unheard: 1').filter((section) => section !== 'providers')
    const keys = sections.flatMap((section) =>
      keysOf(`${section}: { unheard: 1 }`).flatMap((key) => {
        if (section === 'compat' || (section === 'retry' && !/^(?:base|max)Ms$/.test(key))) {
          return keysOf(`${section}: { ${key}: { unheard: 1 } }`).map((inner) => `${section}.${key}.${inner}`)
        }
        const isChannel = section === 'limits' && key !== 'smsSegments'
        return isChannel ? `limits.${key}.ratePerSecond` : `${section}.${key}`
      }),
    )
    expect(namesLike(/^[a-z]+(?:\.[a-zA-Z]+)+$/)).toEqual(keys.sort())
    const defaults: Readonly<Record<string, unknown>> = flat(parseFile(null).settings)
    const wanted = keys.map((key) => {
      const value = defaults[key]
      const shown = typeof value === 'number' ? `\`${value}\`` : rows.get(key)?.[1]
      return [key, shown, boundsIn(problemsOf({}, nested(key, -1))) ?? rows.get(key)?.[2]]
    })
    expect(keys.map((key) => [key, rows.get(key)?.[1], rows.get(key)?.[2]])).toEqual(wanted)
  })

  test('has every key of a provider, with its bounds', () => {
    const kinds = ['smtp', 'webhook', 'http']
    const keys = new Set(kinds.flatMap((kind) => keysOf(`providers: [{ kind: ${kind}, unheard: 1 }]`)))
    expect([...keys].filter((key) => !rows.has(key))).toEqual([])
    const bounds = [...keys].flatMap((key) => {
      const complaint = problemsOf({}, `providers: [{ kind: webhook, name: hooks, ${key}: -1 }]`)
      const said = boundsIn(complaint)
      return said === undefined ? [] : [[key, said] as const]
    })
    expect(bounds.map(([key]) => [key, rows.get(key)?.[2]])).toEqual(bounds)
    expect(bounds.length).toBe(3)
  })

  test('has a file that can be used', () => {
    const yaml = /```yaml\n(.*?)```/s.exec(configuration)?.[1] ?? ''
    expect(yaml).not.toBe('')
    expect(problemsOf({ RELAY_PASSWORD: 'secret', SMS_TOKEN: 'token' }, yaml)).toEqual([])
  })

  test('has every route and no other', async () => {
    const answer = await createApp(createFakePorts(), fakeOptions).request('/openapi.json')
    const { paths } = (await answer.json()) as { paths: Record<string, object> }
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect(namesLike(/^(?:GET|PUT|POST|PATCH|DELETE) /)).toEqual(routes.sort())
  })

  test('has every metric as it is listed, and no other', () => {
    const shown = page('metrics.md')
      .split('\n')
      .filter((line) => line.startsWith('| `'))
    const listed = Object.values(metricList).map(
      ({ name, type, labels, help }) =>
        `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')}${labels.length > 0 ? ' ' : ''}| ${help} |`,
    )
    expect(shown.sort()).toEqual(listed.sort())
  })
})

/** `{ a: { b: 1 } }` becomes `{ 'a.b': 1 }`. */
function flat(value: object, prefix = ''): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) =>
      typeof inner === 'object' && inner !== null && !Array.isArray(inner)
        ? Object.entries(flat(inner, `${prefix}${key}.`))
        : [[`${prefix}${key}`, inner]],
    ),
  )
}

/** YAML that sets one key: `a.b` becomes `{ a: { b: value } }`. */
function nested(key: string, value: number): string {
  return key.split('.').reduceRight((inner, part) => `{ ${part}: ${inner} }`, String(value))
}
