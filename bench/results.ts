/** What runs came to, kept in bench/results/<engine>.json by scenario and options; every figure of them, the least, the
 *  middle and the most; and how two such sets differ. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import type { Result } from './scenario.js'

const spread = z.object({ min: z.number(), median: z.number(), max: z.number() })
const machine = z.object({ cpus: z.number(), model: z.string(), memoryGiB: z.number() })

const saved = z.object({
  command: z.string(),
  figures: z.record(z.string(), spread),
  /** The JSON lines of the runs, in their order. */
  runs: z.array(z.record(z.string(), z.unknown())).min(1),
  /** With a + where the working tree differed. */
  commit: z.string(),
  node: z.string(),
  date: z.string(),
  machine,
  /** Of the last 1, 5 and 15 minutes. */
  loadBefore: z.array(z.number()),
  loadAfter: z.array(z.number()),
})
const file = z.record(z.string(), saved)

/** Some runs of a scenario with the same options. */
export type Saved = z.infer<typeof saved>
/** By scenario and options, like `drain --count 5000`. */
export type SavedFile = Readonly<Record<string, Saved>>

/** The compiled file stands in dist/bench. */
const root = join(import.meta.dirname, '..', '..')

/** Throws where it is not a file that `--save` wrote. */
export function readResults(path: string): SavedFile {
  const parsed = file.safeParse(JSON.parse(readFileSync(path, 'utf8')))
  if (!parsed.success) throw new Error(`${path} is no file of results that --save wrote`, { cause: parsed.error })
  return parsed.data
}

/** Puts runs in the place of earlier ones of the same scenario and options. Returns the file's path. */
export function saveResults(engine: string, key: string, runs: Saved): string {
  const path = join(root, 'bench', 'results', `${engine}.json`)
  const known = existsSync(path) ? readResults(path) : {}
  writeFileSync(`${path}.new`, `${JSON.stringify({ ...known, [key]: runs }, null, 2)}\n`)
  renameSync(`${path}.new`, path)
  return path
}

/** Where and from what runs are made. */
export function surroundings(): Pick<Saved, 'commit' | 'node' | 'date' | 'machine'> {
  const [first] = cpus()
  const memoryGiB = Math.round(totalmem() / 1024 ** 3)
  return {
    ...{ commit: commit(), node: process.version, date: new Date().toISOString().slice(0, 10) },
    machine: { cpus: cpus().length, model: first?.model.trim() ?? 'unknown', memoryGiB },
  }
}

/** How busy the machine is. */
export function load(): number[] {
  return loadavg().map((one) => Math.round(one * 100) / 100)
}

function commit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim()
  try {
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain') === '' ? '' : '+'}`
  } catch {
    return 'unknown'
  }
}

export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

/** By path, like `latencyMs.p99`. */
export type Spreads = Readonly<Record<string, Spread>>

export interface Difference {
  readonly figure: string
  readonly before: Spread
  readonly now: Spread
  /** Of the medians, in per cent of the earlier one; null where that is 0. */
  readonly percent: number | null
  /** True: no run now lies where the runs before lay, from their least to their most. So the difference is more than
   *  runs of one kind differ among themselves; with few runs that is no proof. */
  readonly outside: boolean
}

/** Every number of a run, by its path. */
export function figuresOf(result: Result): ReadonlyMap<string, number> {
  const figures = new Map<string, number>()
  collect('', result)
  return figures

  function collect(path: string, value: unknown): void {
    if (typeof value === 'number') figures.set(path, value)
    if (typeof value !== 'object' || value === null) return
    for (const [key, inner] of Object.entries(value)) collect(path === '' ? key : `${path}.${key}`, inner)
  }
}

/** Of those figures that every run has. */
export function spreadsOf(runs: readonly Result[]): Spreads {
  const all = runs.map(figuresOf)
  const common = [...(all[0]?.keys() ?? [])].filter((figure) => all.every((figures) => figures.has(figure)))
  return Object.fromEntries(common.map((figure) => [figure, spreadOf(all.map((figures) => figures.get(figure) ?? 0))]))
}

/** Of one value or more; of an even number the lower middle one, so that it is a run's own. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const [min, median, max] = [sorted[0], sorted[Math.floor((sorted.length - 1) / 2)], sorted.at(-1)]
  if (min === undefined || median === undefined || max === undefined) throw new RangeError('There is no run')
  return { min, median, max }
}

/** Of the figures that both have. */
export function differences(before: Spreads, now: Spreads): readonly Difference[] {
  return Object.entries(now).flatMap(([figure, spread]) => {
    const earlier = before[figure]
    if (!earlier) return []
    const percent =
      earlier.median === 0
        ? null
        : Math.round(((spread.median - earlier.median) * 1000) / Math.abs(earlier.median)) / 10
    const outside = spread.min > earlier.max || spread.max < earlier.min
    return [{ figure, before: earlier, now: spread, percent, outside }]
  })
}
