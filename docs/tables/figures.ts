/** The README's figures: the medians of the runs that `npm run bench -- --save` kept. */
import { join } from 'node:path'
import { readResults } from '../../bench/results.js'
import { table } from './table.js'

type Engine = 'sqlite' | 'kafka'

/** `root`: the project's folder. */
export function figureTable(root: string): string {
  const results = {
    sqlite: readResults(join(root, 'bench', 'results', 'sqlite.json')),
    kafka: readResults(join(root, 'bench', 'results', 'kafka.json')),
  }
  const median = (engine: Engine, scenario: string, figure: string) =>
    results[engine][scenario]?.figures[figure]?.median ?? null
  const count = (engine: Engine, scenario: string, figure: string) =>
    median(engine, scenario, figure)?.toLocaleString('en-US') ?? ''
  const latency = (engine: Engine) => {
    const [p50, p99, rate] = ['latencyMs.p50', 'latencyMs.p99', 'perSecond'].map((figure) =>
      median(engine, 'steady', figure),
    )
    return `${rounded(p50)} and ${rounded(p99)} ms, at ${Math.round((rate ?? 0) / 10) * 10} a second`
  }
  return table(
    ['throughput and latency', 'embedded', 'on Kafka'],
    [
      [
        'notifications a second through all six stages, exactly once',
        ...engines.map((engine) => count(engine, 'drain', 'perSecond')),
      ],
      ['from acceptance to the provider, p50 and p99', ...engines.map(latency)],
      [
        'HTTP requests a second, one notification each, while the stages work',
        ...engines.map((engine) => count(engine, 'ingest', 'singlePerSecond')),
      ],
      [
        'notifications a second over HTTP in batches of 1,000, durable',
        ...engines.map((engine) => count(engine, 'ingest', 'batchPerSecond')),
      ],
    ],
  )
}

const engines = ['sqlite', 'kafka'] as const

/** To two digits where it is small, else to whole milliseconds. */
function rounded(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '?'
  return ms < 10 ? ms.toFixed(1) : ms.toFixed(0)
}
