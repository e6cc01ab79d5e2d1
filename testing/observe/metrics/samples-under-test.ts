/** What metrics tell, for tests. */
import type { ownMetrics } from '../../../pipeline/observe/metrics/list.js'
import type { Metrics } from '../../../pipeline/observe/metrics/metrics.js'

/** Every sample of these metrics, as the page shows them; of histograms the sums and counts. */
export async function samplesOf(metrics: Metrics, ...keys: readonly (keyof typeof ownMetrics)[]): Promise<string[]> {
  const pages = await Promise.all(keys.map((key) => metrics.registry.getSingleMetricAsString(nameOf(metrics, key))))
  return pages.flatMap(linesOf).filter((line) => !/_bucket\{/.test(line))
}

/** The samples of a page. */
export function linesOf(page: string): string[] {
  return page.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

function nameOf(metrics: Metrics, key: keyof typeof ownMetrics): string {
  const { name } = metrics[key] as unknown as { readonly name: string }
  return name
}
