/** Holds the lines of ARCHITECTURE.md over every source file: who may import whom, and what stands nowhere. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix, sep } from 'node:path'
import { describe, expect, test } from 'vitest'
import { stageNames } from '../stages/stage.js'

/** The compiled test stands in dist/pipeline. */
const root = join(import.meta.dirname, '..', '..')
const folders = ['schemas', 'stages', 'pipeline', 'ingress', 'bench']
const maxLines = 300

/** Whom each folder may import, itself included. bench and grafana, as the tests, may import all. */
const allowedImports: Readonly<Record<string, readonly string[]>> = {
  schemas: ['schemas'],
  stages: ['schemas', 'stages'],
  ingress: ['schemas', 'ingress'],
  pipeline: ['schemas', 'stages', 'ingress', 'pipeline'],
}

/** Packages that are a log, a database, a server, a logger or the process. */
const foreignToStages =
  /^(?:@photostructure\/sqlite|better-sqlite3|mongodb|node-rdkafka|kafkajs|@kafkajs\/.*|@?hono.*|pino.*|prom-client|commander|(?:node:)?(?:process|fs|fs\/promises|child_process|cluster|sqlite|worker_threads))$/

/** Tests, and what only tests import. */
const isTest = (path: string) => /(?:\.test|\.sample|-fake|-under-test)\.ts$/.test(path)

/** Every rule that one file breaks, a line for each. `path` is from the root, with slashes. */
function violations(path: string, source: string): string[] {
  const code = withoutComments(source)
  const broken = isTest(path) ? [] : [...importViolations(path, code), ...wordViolations(path, code)]
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

function importViolations(path: string, code: string): string[] {
  const folder = path.split('/')[0] ?? ''
  return importsOf(code).flatMap((name) => {
    if (!name.startsWith('.')) return folder === 'stages' && foreignToStages.test(name) ? [`imports ${name}`] : []
    const target = posix.join(posix.dirname(path), name)
    const into = target.split('/')[0] ?? ''
    const allowed = allowedImports[folder]
    if (allowed && !allowed.includes(into)) return [`imports ${target}: ${folder} may import ${allowed.join(', ')}`]
    const own = stageOf(path)
    const other = stageOf(target)
    // What stands beside the stages and belongs to none, like stage.ts, is theirs in common and knows none of them.
    return folder === 'stages' && other !== null && other !== own ? [`imports ${target}, of another stage`] : []
  })
}

function wordViolations(path: string, code: string): string[] {
  const inStages = path.startsWith('stages/')
  const inConfig = /^pipeline\/config(?:\.ts|\/)/.test(path)
  return [
    ...(/\bprocess\s*\.\s*env\b/.test(code) && !inConfig && !path.startsWith('bench/') ? ['reads process.env'] : []),
    ...(inStages && /\bprocess\s*[.[]/.test(code) ? ['uses process'] : []),
    ...(inStages && /\bDate\.now\(|\bnew Date\(\)/.test(code) ? ['asks the clock: time comes from the context'] : []),
  ]
}

/** The stage that a file of stages/ belongs to: stages/deliver.ts and everything in stages/deliver/. */
function stageOf(path: string): string | null {
  const [, name] = /^stages\/([^/.]+)/.exec(path) ?? []
  return stageNames.find((stage) => stage === name) ?? null
}

/** Static and dynamic imports, and exports from elsewhere. */
function importsOf(code: string): string[] {
  return [...code.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)['"]([^'"]+)['"]/g)].flatMap(([, name]) => name ?? [])
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

describe('the lines are seen to be crossed', () => {
  const crossing: readonly (readonly [path: string, source: string, broken: readonly string[]])[] = [
    ['schemas/a.ts', `import { b } from '../stages/b.js'`, ['imports stages/b.js: schemas may import schemas']],
    ['stages/a.ts', `export * from '../pipeline/b.js'`, ['imports pipeline/b.js: stages may import schemas, stages']],
    ['stages/a.ts', `await import('../ingress/b.js')`, ['imports ingress/b.js: stages may import schemas, stages']],
    ['stages/route/a.ts', `import '../throttle/gates.js'`, ['imports stages/throttle/gates.js, of another stage']],
    ['stages/trail.ts', `import { a } from './record.js'`, ['imports stages/record.js, of another stage']],
    ['stages/route.ts', `import pino from 'pino'`, ['imports pino']],
    ['stages/route.ts', `import { Database } from '@photostructure/sqlite'`, ['imports @photostructure/sqlite']],
    ['stages/route.ts', `import { env } from 'node:process'`, ['imports node:process']],
    ['stages/route.ts', 'process.exit(1)', ['uses process']],
    ['stages/route.ts', 'const at = Date.now()', ['asks the clock: time comes from the context']],
    [
      'ingress/a.ts',
      `import type { B } from '../stages/b.js'`,
      ['imports stages/b.js: ingress may import schemas, ingress'],
    ],
    [
      'ingress/a.ts',
      `import {\n  b,\n} from '../pipeline/b.js'`,
      ['imports pipeline/b.js: ingress may import schemas, ingress'],
    ],
    [
      'pipeline/a.ts',
      `import { b } from '../bench/b.js'`,
      ['imports bench/b.js: pipeline may import schemas, stages, ingress, pipeline'],
    ],
    ['pipeline/a.ts', 'const { HOME } = process.env', ['reads process.env']],
    ['pipeline/a.ts', '\n'.repeat(300).concat('a'), ['has 301 lines, over 300: find its two ideas']],
    ['pipeline/utils/a.ts', '', ['stands in "utils", which names no concept']],
  ]
  test.each(crossing)('in %s', (path, source, broken) => {
    expect(violations(path, source)).toEqual(broken.map((what) => `${path} ${what}`))
  })
})

test.each([
  ['stages/deliver.ts', `import { smtp } from './deliver/smtp.js'\nimport { emit } from './stage.js'`],
  ['stages/deliver/smtp.ts', `import { createTransport } from 'nodemailer' // not process.env, nor Date.now()`],
  ['stages/deliver/smtp.test.ts', `import { b } from '../../pipeline/b.js'\nconst at = Date.now()`],
  ['stages/deliver/http.ts', 'const { nowMs = Date.now } = options'],
  ['pipeline/config/config.ts', 'const environment = process.env'],
  ['pipeline/start.ts', `import { app } from '../ingress/app.js'\nimport { route } from '../stages/route/route.js'`],
  ['schemas/events.ts', '\n'.repeat(400)],
])('%s may do what it does', (path, source) => {
  expect(violations(path, source)).toEqual([])
})
