/** Every figure of some runs: the least, the middle and the most; and how two such sets differ. */
import type { Result } from './scenario.js'

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
