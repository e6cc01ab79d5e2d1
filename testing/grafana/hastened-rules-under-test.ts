/** The rules of grafana/rules in a hurry, for tests that wait in earnest. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './compose-under-test.js'

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Copies of files (`lag` is grafana/rules/lag.yml), in a folder that `remove` takes away. */
export function hastenedRules(names: readonly string[], factor: number) {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-hastened-'))
  const files = names.map((name) => {
    const text = readFileSync(join(root, 'grafana', 'rules', `${name}.yml`), 'utf8')
    const file = join(folder, `${name}.yml`)
    writeFileSync(file, hastened(text, factor))
    return file
  })
  return { files, remove: () => rmSync(folder, { recursive: true }) }
}

/** Ranges, offsets, intervals and how long an alert waits, divided by a factor; thresholds stay. */
export function hastened(text: string, factor: number): string {
  return text.replaceAll(
    /(\[|\boffset |\bfor: |\binterval: )(\d+)([smhd])\b/g,
    (_, before: string, count: string, unit: string) =>
      `${before}${Math.round((Number(count) * (unitMs[unit] ?? Number.NaN)) / factor)}ms`,
  )
}
