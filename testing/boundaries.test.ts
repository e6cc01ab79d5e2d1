/** Holds the lines of ARCHITECTURE.md: biome.jsonc says who may import whom, and a crossing planted on purpose is seen here.
 *  What the linter has no rule for is looked for in every source file. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, posix, sep } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'

/** The compiled test stands in dist/testing. */
const root = join(import.meta.dirname, '..', '..')
const folders = ['schemas', 'stages', 'pipeline', 'ingress', 'bench', 'grafana', 'testing']
const maxLines = 300

const imports = 'lint/style/noRestrictedImports'
const circles = 'lint/suspicious/noImportCycles'
const rules: readonly string[] = [imports, circles]

describe('the linter', () => {
  /** A folder with the linter's configuration and every planted file. */
  let planted: string
  let found: ReadonlyMap<string, readonly string[]>
  beforeAll(async () => {
    planted = mkdtempSync(join(tmpdir(), 'carillon-lines-'))
    writeFileSync(join(planted, 'biome.jsonc'), readFileSync(join(root, 'biome.jsonc')))
    for (const [path, source] of [...crossings, ...allowed, ...circular]) {
      mkdirSync(join(planted, dirname(path)), { recursive: true })
      writeFileSync(join(planted, path), `${source}\n`)
    }
    found = await lint(planted)
  })
  afterAll(() => rmSync(planted, { recursive: true, force: true }))

  const crossings: readonly (readonly [path: string, source: string])[] = [
    ['schemas/a.ts', `import { b } from '../stages/b.js'`],
    ['stages/a.ts', `export * from '../pipeline/b.js'`],
    ['stages/b.ts', `import { a } from './record/record.js'`],
    ['stages/c.ts', `import pino from 'pino'`],
    ['stages/route/a.ts', `import '../throttle/gates.js'`],
    ['stages/route/b.ts', `await import('../../ingress/b.js')`],
    ['stages/route/c.ts', `import type { Log } from '../../pipeline/engine/log.js'`],
    ['stages/route/d.ts', `import { Database } from '@photostructure/sqlite'`],
    ['stages/route/e.ts', `import { env } from 'node:process'`],
    ['stages/deliver/providers/a.ts', `import { gate } from '../../throttle/gates.js'`],
    ['stages/deliver/providers/b.ts', `import { MongoClient } from 'mongodb'`],
    ['ingress/a.ts', `import type { B } from '../stages/b.js'`],
    ['ingress/b.ts', `import {\n  b,\n} from '../pipeline/b.js'`],
    ['ingress/routes/a.ts', `import { b } from '../../pipeline/run/b.js'`],
    ['pipeline/config/a.ts', `import { b } from '../logs/kafka/b.js'`],
    ['pipeline/engine/a.ts', `import type { B } from '../../ingress/ports.js'`],
    ['pipeline/engine/b.ts', `import type { B } from '../logs/sqlite/b.js'`],
    ['pipeline/engine/c.ts', `import { b } from '../../stages/route/route.js'`],
    ['pipeline/logs/kafka/a.ts', `import { Unavailable } from '../../../ingress/problem.js'`],
    ['pipeline/logs/memory/a.ts', `import { b } from '../../stores/b.js'`],
    ['pipeline/logs/memory/b.ts', `import { b } from '../../observe/lag/b.js'`],
    ['pipeline/registry/a.ts', `import { b } from '../../ingress/b.js'`],
    ['pipeline/rendering/a.ts', `import type { TemplateCheck } from '../../ingress/ports.js'`],
    ['pipeline/observe/metrics/a.ts', `import type { B } from '../../../ingress/observer.js'`],
    ['pipeline/observe/metrics/b.ts', `import { b } from '../../run/contract-rules.js'`],
    ['pipeline/stores/a.ts', `import { problem } from '../../ingress/problem.js'`],
    ['pipeline/stores/sqlite/a.ts', `import { b } from '../../run/b.js'`],
    ['pipeline/run/a.ts', `import { b } from '../../testing/b.js'`],
    ['pipeline/cli/a.ts', `import { b } from '../../bench/b.js'`],
  ]
  const allowed: readonly (readonly [path: string, source: string])[] = [
    ['stages/d.ts', `import { e } from './e.js'\nimport { b } from '../schemas/b.js'`],
    ['stages/route/f.ts', `import { b } from './b.js'\nimport { emit } from '../stage.js'`],
    ['stages/deliver/providers/c.ts', `import { b } from '../line.js'\nimport type { C } from '../../stage.js'`],
    ['stages/deliver/providers/d.ts', `import { createTransport } from 'nodemailer'`],
    ['stages/route/a.test.ts', `import { b } from '../../testing/b.js'\nimport { c } from '../throttle/c.js'`],
    ['ingress/routes/b.ts', `import { b } from '../endpoint.js'\nimport { c } from '../live/c.js'`],
    ['pipeline/stores/mongodb/a.ts', `import type { B } from '../../../ingress/ports.js'\nimport { c } from '../c.js'`],
    ['pipeline/run/kafka/a.ts', `import { b } from '../../../ingress/b.js'\nimport { c } from '../../logs/kafka/c.js'`],
  ]
  const circular: readonly (readonly [path: string, source: string])[] = [
    ['ingress/circle.ts', `import type { Other } from './circle-back.js'\nexport type One = Other[]`],
    ['ingress/circle-back.ts', `import type { One } from './circle.js'\nexport type Other = One[]`],
  ]

  test.each(crossings)('sees what crosses a line in %s', (path) => {
    expect(found.get(path)).toEqual([imports])
  })
  test.each(allowed)('lets %s import what it may', (path) => {
    expect(found.get(path) ?? []).toEqual([])
  })
  test('sees a circle, though it is one of types', () => {
    expect(circular.map(([path]) => found.get(path))).toEqual([[circles], [circles]])
  })
})

/** Which of the two rules each file breaks, in a folder that has the linter's configuration. */
async function lint(folder: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const biome = join(root, 'node_modules', '@biomejs', 'biome', 'bin', 'biome')
  const options = ['lint', '--vcs-enabled=false', '--reporter=json', '--max-diagnostics=none', '.']
  const { stdout } = await promisify(execFile)(process.execPath, [biome, ...options], { cwd: folder }).catch(
    (error: { stdout: string }) => error,
  )
  const broken = new Map<string, string[]>()
  for (const { category, location } of lintReport.parse(JSON.parse(stdout)).diagnostics) {
    if (rules.includes(category)) broken.set(location.path, [...(broken.get(location.path) ?? []), category])
  }
  return broken
}

const lintReport = z.object({
  diagnostics: z.array(z.object({ category: z.string(), location: z.object({ path: z.string() }) })),
})

/** Tests, and what only tests import. */
const isTest = (path: string) => path.startsWith('testing/') || path.endsWith('.test.ts')

/** Every rule that one file breaks, a line for each. `path` is from the root, with slashes. */
function violations(path: string, source: string): string[] {
  const broken = isTest(path) ? [] : wordViolations(path, withoutComments(source))
  const lines = source.trimEnd().split('\n').length
  if (lines > maxLines && path !== 'schemas/events.ts')
    broken.push(`has ${lines} lines, over ${maxLines}: find its two ideas`)
  const vague = posix
    .dirname(path)
    .split('/')
    .find((folder) => /^(?:utils?|helpers?|common|types|shared|misc)$/.test(folder))
  if (vague) broken.push(`stands in "${vague}", which names no concept`)
  return broken.map((what) => `${path} ${what}`)
}

function wordViolations(path: string, code: string): string[] {
  const inStages = path.startsWith('stages/')
  const readsEnvironment = /^(?:pipeline\/config|bench|grafana)\//.test(path)
  return [
    ...(/\bprocess\s*\.\s*env\b/.test(code) && !readsEnvironment ? ['reads process.env'] : []),
    ...(inStages && /\bprocess\s*[.[]/.test(code) ? ['uses process'] : []),
    ...(inStages && /\bDate\.now\(|\bnew Date\(\)/.test(code) ? ['asks the clock: time comes from the context'] : []),
    // The linter does not see this form.
    ...(/(?<!await )(?<!=> )\bimport\(['"]\.[^)]*\)\s*\./.test(code)
      ? ['imports a type in the midst of the code']
      : []),
  ]
}

function withoutComments(source: string): string {
  return source.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(?<!:)\/\/.*$/gm, '')
}

function sourceFiles(): string[] {
  return folders
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
    )
    .map((path) => path.split(sep).join('/'))
    .filter((path) => path.endsWith('.ts'))
    .sort()
}

describe('every source file', () => {
  test('keeps the lines', () => {
    const files = sourceFiles()
    expect(files.length).toBeGreaterThan(40)
    expect(files.flatMap((path) => violations(path, readFileSync(join(root, path), 'utf8')))).toEqual([])
  })
})

describe('what breaks a rule of words is seen', () => {
  const crossing: readonly (readonly [path: string, source: string, broken: string])[] = [
    ['stages/route/route.ts', 'process.exit(1)', 'uses process'],
    ['stages/route/route.ts', 'const at = Date.now()', 'asks the clock: time comes from the context'],
    ['pipeline/run/a.ts', 'const { HOME } = process.env', 'reads process.env'],
    ['pipeline/run/a.ts', `type B = import('./b.js').B`, 'imports a type in the midst of the code'],
    ['pipeline/run/a.ts', '\n'.repeat(300).concat('a'), 'has 301 lines, over 300: find its two ideas'],
    ['pipeline/utils/a.ts', '', 'stands in "utils", which names no concept'],
  ]
  test.each(crossing)('in %s', (path, source, broken) => {
    expect(violations(path, source)).toEqual([`${path} ${broken}`])
  })
})

test.each([
  ['stages/deliver/smtp.ts', `import { createTransport } from 'nodemailer' // not process.env, nor Date.now()`],
  ['stages/deliver/smtp.test.ts', 'const at = Date.now()'],
  ['stages/deliver/http.ts', 'const { nowMs = Date.now } = options'],
  ['pipeline/config/config.ts', 'const environment = process.env'],
  ['schemas/events.ts', '\n'.repeat(400)],
])('%s may do what it does', (path, source) => {
  expect(violations(path, source)).toEqual([])
})
