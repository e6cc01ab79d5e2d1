/** A real k6 for tests: the one of CARILLON_TEST_K6, or on the PATH, or in GOBIN. Where none is, Go builds it once, into
 *  .cache/k6. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

/** docs/bench.md names it too. */
export const k6Module = 'go.k6.io/k6@v1.8.1'
/** It takes minutes, and other tests run meanwhile. */
const buildTimeoutMs = 900_000
/** A script that takes longer hangs. */
const runTimeoutMs = 240_000

/** How a run of k6 ended. */
export interface K6Run {
  /** 0: all thresholds held. 99: some were crossed. 108: the script ended it. */
  readonly code: number | null
  /** Thresholds that were crossed, like `checks: rate==1`. */
  readonly crossed: readonly string[]
  /** The count of a counter, or of a trend's values; undefined for a metric that the run does not have. */
  count(metric: string): number | undefined
  /** Everything that it wrote. */
  readonly output: string
}

/** k6's program; null, and why, where tests must do without. With Go there it can be built, and then throws in continuous
 *  integration where that fails. `root`: the project's folder. */
export async function k6For(root: string): Promise<{ k6: string } | { k6: null; missing: string }> {
  const { CARILLON_TEST_K6: given, GOBIN: goFolder } = process.env
  if (given !== undefined) {
    if (!runs(given)) throw new Error('CARILLON_TEST_K6 names no k6 that runs')
    return { k6: given }
  }
  const built = join(root, '.cache', 'k6', 'k6')
  const found = ['k6', ...(goFolder ? [join(goFolder, 'k6')] : []), built].find(runs)
  if (found !== undefined) return { k6: found }
  if (!runs('go')) return { k6: null, missing: 'k6 is not on the PATH, and there is no Go to build it' }
  try {
    await build(join(root, '.cache', 'k6'))
    return { k6: built }
  } catch (error) {
    const missing = `k6 could not be built: ${error instanceof Error ? error.message : error}`
    if (process.env.CI === 'true') throw new Error(missing, { cause: error })
    return { k6: null, missing }
  }
}

/** Runs a script against `address`. Nothing of this shell's or this user's k6 is heeded, and k6 tells its makers nothing.
 *  `folder`: for its files. */
export async function runScript(
  k6: string,
  script: string,
  address: string,
  folder: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<K6Run> {
  const file = join(folder, 'summary.json')
  rmSync(file, { force: true })
  const env = {
    ...{ PATH: process.env.PATH, HOME: folder, K6_NO_USAGE_REPORT: 'true', K6_AUTO_EXTENSION_RESOLUTION: 'false' },
    ...{ BASE: address, K6_SUMMARY: file },
    ...environment,
  }
  const child = spawn(k6, ['run', '--quiet', '--address', '', script], {
    ...{ env, cwd: folder, timeout: runTimeoutMs, killSignal: 'SIGKILL' as const },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [[code], ...said] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)])
  const metrics = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Summary).metrics : {}
  return {
    code: typeof code === 'number' ? code : null,
    crossed: Object.entries(metrics).flatMap(([name, { thresholds = {} }]) =>
      Object.entries(thresholds).flatMap(([threshold, { ok }]) => (ok ? [] : [`${name}: ${threshold}`])),
    ),
    count: (metric) => metrics[metric]?.values.count,
    output: said.join('\n'),
  }
}

/** What the scripts write to K6_SUMMARY, as far as it is read here. */
interface Summary {
  readonly metrics: Readonly<
    Record<
      string,
      {
        readonly values: { readonly count?: number }
        readonly thresholds?: Readonly<Record<string, { readonly ok: boolean }>>
      }
    >
  >
}

function runs(command: string): boolean {
  return spawnSync(command, ['version'], { stdio: 'ignore' }).status === 0
}

/** Built beside and then renamed, so that half of it is not taken for the whole; behind the other tests, for it would
 *  take every core. */
async function build(folder: string): Promise<void> {
  const beside = `${folder}.${process.pid}`
  mkdirSync(beside, { recursive: true })
  try {
    const child = spawn('go', ['install', k6Module], {
      env: { ...process.env, GOBIN: beside },
      ...{ timeout: buildTimeoutMs, stdio: ['ignore', 'ignore', 'pipe'] as const },
    })
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW)
    const [[code], said] = await Promise.all([once(child, 'close'), text(child.stderr)])
    if (code !== 0) throw new Error(said.trim().split('\n').at(-1) || `go ended with ${code}`)
    rmSync(folder, { recursive: true, force: true })
    renameSync(beside, folder)
  } finally {
    rmSync(beside, { recursive: true, force: true })
  }
}
