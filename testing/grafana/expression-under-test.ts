/** What an expression of PromQL asks for, by Prometheus' own grammar, and whether it is there. */
import type { SyntaxNode } from '@lezer/common'
import { parser } from '@prometheus-io/lezer-promql'
import { metricList } from '../../pipeline/observe/metrics/list.js'
import type { MetricOf } from '../../pipeline/observe/metrics/metric.js'

/** Every series that can be asked for, with its labels. */
export type KnownSeries = ReadonlyMap<string, ReadonlySet<string>>

export interface RecordingRule {
  readonly record: string
  readonly expr: string
  readonly labels?: Readonly<Record<string, string>> | undefined
}

/** What Prometheus adds to all that it scrapes. */
const scraped = ['job', 'instance']
/** What Prometheus itself tells. */
const ownSeries: KnownSeries = new Map([
  ['up', new Set(scraped)],
  ['scrape_duration_seconds', new Set(scraped)],
  ['scrape_samples_post_metric_relabeling', new Set(scraped)],
  ['ALERTS', new Set(['alertname', 'alertstate', 'severity', 'stage', 'provider', 'objective', ...scraped])],
])

/** The list's metrics, Prometheus' own, and what recording rules make of them. A rule comes after those it rests on. */
export function knownSeries(rules: readonly RecordingRule[]): KnownSeries {
  const known = new Map(ownSeries)
  for (const metric of Object.values<MetricOf>(metricList)) {
    for (const [ending, own] of endings(metric)) {
      known.set(`${metric.name}${ending}`, new Set([...metric.labels, ...own, ...scraped]))
    }
  }
  for (const { record, expr, labels = {} } of rules) {
    known.set(record, new Set([...(known.get(record) ?? []), ...labelsIn(expr, known), ...Object.keys(labels)]))
  }
  return known
}

/** Labels of all the series that are named in an expression. */
export function labelsIn(expression: string, known: KnownSeries): ReadonlySet<string> {
  return new Set(seriesIn(tree(expression), expression).flatMap((name) => [...(known.get(name) ?? [])]))
}

/** What is wrong with an expression whose variables have values: it is no PromQL, or asks for what is not there. */
export function expressionProblems(expression: string, known: KnownSeries): readonly string[] {
  const problems: string[] = []
  tree(expression)
    .cursor()
    .iterate(({ node }) => {
      if (node.type.isError) problems.push(`no PromQL at ${node.from}`)
      if (node.name === 'VectorSelector') problems.push(...selectorProblems(node, expression, known))
      if (node.name === 'AggregateExpr' || node.name === 'BinaryExpr') {
        problems.push(...groupingProblems(node, expression, known))
      }
    })
  return problems
}

function selectorProblems(node: SyntaxNode, expression: string, known: KnownSeries): readonly string[] {
  const [name = ''] = seriesIn(node, expression)
  const labels = known.get(name)
  if (!labels) return [`no series ${name}`]
  const asked = textsOf(node, 'LabelName', expression)
  return asked.filter((label) => !labels.has(label)).map((label) => `${name} has no label ${label}`)
}

/** `by`, `on` and the like may name only what a series beneath has. */
function groupingProblems(node: SyntaxNode, expression: string, known: KnownSeries): readonly string[] {
  const modifier = node.getChild('AggregateModifier') ?? node.getChild('MatchingModifierClause')
  if (!modifier) return []
  const there = new Set(seriesIn(node, expression).flatMap((name) => [...(known.get(name) ?? [])]))
  const asked = textsOf(modifier, 'LabelName', expression)
  return asked.filter((label) => !there.has(label)).map((label) => `nothing is by ${label} here`)
}

function endings({ type }: MetricOf): readonly (readonly [string, readonly string[]])[] {
  return type === 'histogram'
    ? [
        ['_bucket', ['le']],
        ['_sum', []],
        ['_count', []],
      ]
    : [['', []]]
}

function seriesIn(node: SyntaxNode, expression: string): readonly string[] {
  return textsOf(node, 'Identifier', expression)
}

function textsOf(node: SyntaxNode, name: string, expression: string): readonly string[] {
  const texts: string[] = []
  node.cursor().iterate((inner) => {
    if (inner.name === name) texts.push(expression.slice(inner.from, inner.to))
  })
  return texts
}

function tree(expression: string): SyntaxNode {
  return parser.parse(expression).topNode
}
