/** Keeps what runs on this machine came to: bench/results/<engine>.json, by scenario. */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

/** One run, as its JSON line says. */
export type Result = Readonly<Record<string, unknown>>

const repeats = 3
/** The compiled file stands in dist/bench. */
const root = join(import.meta.dirname, '..', '..')
const program = fileURLToPath(new URL('./main.js', import.meta.url))

/** Runs the same command three times, each in a process of its own, and saves the run with the middle figure, and the
 *  others beside it. Returns that run. */
export async function saveMedian(engine: string, scenario: string, figure: string, args: readonly string[]) {
  const loadBefore = loadavg().map((load) => Math.round(load * 100) / 100)
  const runs: Result[] = []
  for (let run = 0; run < repeats; run++) runs.push(await runOnce(args))
  const median = medianBy(runs, figure)
  const file = join(root, 'bench', 'results', `${engine}.json`)
  const known: Record<string, unknown> = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
  known[scenario] = {
    command: ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' '),
    median,
    medianOf: figure,
    runs,
    ...{ commit: commit(), node: process.version, date: new Date().toISOString().slice(0, 10), machine: machine() },
    loadBefore,
  }
  writeFileSync(file, `${JSON.stringify(known, null, 2)}\n`)
  return median
}

/** The run whose figure, named by a path like `latencyMs.p95`, is the middle one. */
export function medianBy(runs: readonly Result[], figure: string): Result {
  const sorted = [...runs].sort((a, b) => valueAt(a, figure) - valueAt(b, figure))
  const middle = sorted[Math.floor(sorted.length / 2)]
  if (!middle) throw new RangeError('There is no run')
  return middle
}

function valueAt(result: Result, path: string): number {
  const value = path
    .split('.')
    .reduce<unknown>(
      (at, key) =>
        (typeof at === 'object' && at !== null ? Object.entries(at) : []).find(([name]) => name === key)?.[1],
      result,
    )
  if (typeof value !== 'number') throw new TypeError(`The run has no figure ${path}`)
  return value
}

async function runOnce(args: readonly string[]): Promise<Result> {
  const child = spawn(process.execPath, [program, ...args, '--json'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const output = await text(child.stdout)
  const last = output.trim().split('\n').at(-1) ?? ''
  try {
    return JSON.parse(last)
  } catch (cause) {
    throw new Error('A run ended without a result', { cause })
  }
}

/** With a + where the working tree differs. */
function commit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
  try {
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain') === '' ? '' : '+'}`
  } catch {
    return 'unknown'
  }
}

function machine(): string {
  return `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 1024 ** 3)} GiB`
}
