/** One page of metrics made of those of several threads. */

/** What is told of one metric. */
interface Told {
  /** Its help and type. */
  readonly head: string[]
  /** Values by name and labels, as they are written. */
  readonly values: Map<string, string>
}

/** Prometheus text of all pages. A series that several of them tell is what each counts a part of: it is added up. */
export function mergedPage(...pages: readonly string[]): string {
  const metrics = new Map<string, Told>()
  for (const page of pages) read(page, metrics)
  return [...metrics.values()]
    .map(({ head, values }) => [...head, ...[...values].map(([series, value]) => `${series} ${value}\n`)].join(''))
    .join('\n')
}

/** A metric's lines follow on its head. */
function read(page: string, metrics: Map<string, Told>): void {
  let told: Told = { head: [], values: new Map() }
  for (const line of page.split('\n')) {
    if (line === '') continue
    if (line.startsWith('# HELP ')) {
      const name = line.slice(7, line.indexOf(' ', 7))
      told = metrics.get(name) ?? { head: [], values: new Map() }
      metrics.set(name, told)
    }
    if (line.startsWith('#')) {
      if (told.values.size === 0 && told.head.length < 2) told.head.push(`${line}\n`)
      continue
    }
    const end = line.lastIndexOf(' ')
    const series = line.slice(0, end)
    const before = told.values.get(series)
    const value = line.slice(end + 1)
    told.values.set(series, before === undefined ? value : String(Number(before) + Number(value)))
  }
}
