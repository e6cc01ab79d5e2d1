/** The tables of metrics, from the list of them. */
import { metricGroups } from '../../pipeline/observe/metrics/list.js'
import type { MetricOf } from '../../pipeline/observe/metrics/metric.js'
import { codes, table } from './table.js'

export type MetricGroup = keyof typeof metricGroups

export function metricTable(group: MetricGroup): string {
  const metrics: readonly MetricOf[] = Object.values(metricGroups[group])
  return table(
    ['metric', 'kind', 'labels', 'meaning'],
    metrics.map(({ name, type, labels, help }) => [`\`${name}\``, type, codes(labels), help]),
  )
}
