/** Expressions of PromQL over the metrics of the list: a metric or a label of a selector that is not there does not
 *  compile. Every selector keeps to the dashboard's variable `job`. */
import type { HistogramOf, MetricOf } from '../pipeline/observe/metrics/metric.js'

type Matcher = `${'=' | '!=' | '=~' | '!~'}"${string}"`
export type Matchers<L extends string> = { readonly [K in L | 'instance']?: Matcher }

/** Of the dashboard's variable: one value, several or all. */
export function chosen(variable: string): Matcher {
  return `=~"$${variable}"`
}

/** The series of a metric. */
export function of<L extends string>(metric: MetricOf<L>, matchers: Matchers<L> = {}): string {
  return selector(metric.name, matchers)
}

export function bucketsOf<L extends string>(metric: HistogramOf<L>, matchers: Matchers<L | 'le'> = {}): string {
  return selector(`${metric.name}_bucket`, matchers)
}

export function countOf<L extends string>(metric: HistogramOf<L>, matchers: Matchers<L> = {}): string {
  return selector(`${metric.name}_count`, matchers)
}

export function sumOf<L extends string>(metric: HistogramOf<L>, matchers: Matchers<L> = {}): string {
  return selector(`${metric.name}_sum`, matchers)
}

/** A metric that is not Carillon's own, like `up`. */
export function foreign(name: string, matchers: Matchers<string> = {}): string {
  return selector(name, matchers)
}

function selector(name: string, matchers: Readonly<Record<string, Matcher | undefined>>): string {
  const all = Object.entries({ job: chosen('job'), ...matchers })
  return `${name}{${all.map(([label, matcher]) => `${label}${matcher}`).join(',')}}`
}

/** A second, over as many scrapes as the panel's width asks for. */
export function rate(series: string): string {
  return `rate(${series}[$__rate_interval])`
}

/** How fast a gauge that can be put back rises, a second; a rate would take what puts it back for a reset. */
export function moved(series: string): string {
  return `clamp_min(deriv(${series}[$__rate_interval]), 0)`
}

/** By how much a counter grew. A series begins with its first event, which increase() does not count; one that was not
 *  scraped for a while is none that begins. */
export function grown(series: string, over: string): string {
  return `(${series} unless last_over_time(${series}[1d] offset ${over})) or increase(${series}[${over}])`
}

export function sum(by: readonly string[], expression: string): string {
  return aggregated('sum', by, expression)
}

export function max(by: readonly string[], expression: string): string {
  return aggregated('max', by, expression)
}

function aggregated(operator: string, by: readonly string[], expression: string): string {
  return by.length === 0 ? `${operator}(${expression})` : `${operator} by (${by.join(', ')}) (${expression})`
}

/** A quantile of what was observed lately. */
export function quantile<L extends string>(
  q: number,
  by: readonly L[],
  metric: HistogramOf<L>,
  matchers: Matchers<L> = {},
): string {
  return `histogram_quantile(${q}, ${sum(['le', ...by], rate(selector(`${metric.name}_bucket`, matchers)))})`
}

/** The mean of what was observed lately. */
export function mean<L extends string>(
  by: readonly (L | 'instance')[],
  metric: HistogramOf<L>,
  matchers: Matchers<L> = {},
): string {
  return `${sum(by, rate(sumOf(metric, matchers)))} / ${sum(by, rate(countOf(metric, matchers)))}`
}
