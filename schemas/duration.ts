/** Durations as people write them: 30s, 5m, 12h. */

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const form = /^(\d{1,12})(ms|s|m|h|d)$/

/** In milliseconds. A number counts milliseconds; a text is a whole number and one of ms, s, m, h, d. Null for anything
 *  else, and for what is below 0 or no whole number of milliseconds. */
export function parseDuration(value: number | string): number | null {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : null
  const [, digits, unit = ''] = form.exec(value) ?? []
  return digits === undefined ? null : Number(digits) * (unitMs[unit] ?? Number.NaN)
}

/** As `parseDuration` reads it, in the largest unit that fits: 90000 is 90s. */
export function durationText(ms: number): string {
  const [unit, size] = Object.entries(unitMs).findLast(([, unitSize]) => ms >= unitSize && ms % unitSize === 0) ?? [
    'ms',
    1,
  ]
  return `${ms / size}${unit}`
}
