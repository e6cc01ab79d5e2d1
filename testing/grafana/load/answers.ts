/** Asks a Prometheus what every panel asks, and tells what is empty. */

import { boards } from '../../../grafana/boards/boards.js'
import type { Need, Query } from '../../../grafana/panels.js'
import type { PrometheusSeries, PrometheusUnderTest } from '../prometheus-under-test.js'

/** Seconds since the epoch. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** What came of one query of a panel. */
export interface PanelAnswer {
  readonly dashboard: string
  readonly panel: string
  readonly query: Query
  readonly series: number
  /** The largest number that it gave, beside infinity. */
  readonly most: number
  /** What is wrong with it; null: it has data. */
  readonly problem: string | null
}

/** How often Prometheus is to scrape. */
export const everySeconds = 2
/** Grafana takes four scrapes at least; on a busy machine some fail. */
const rateInterval = `${6 * everySeconds}s`

/** Every query that does not need what is not there, and that of every variable. */
export async function panelAnswers(
  prometheus: Pick<PrometheusUnderTest, 'queryRange'>,
  { from, to }: Span,
  has: ReadonlySet<Need>,
): Promise<readonly PanelAnswer[]> {
  const asked = boards.flatMap(({ title: dashboard, rows }) =>
    rows.flatMap(({ panels }) =>
      panels.flatMap(({ title: panel, queries, max = Number.POSITIVE_INFINITY }) =>
        queries.map((query) => ({ dashboard, panel, query, max })),
      ),
    ),
  )
  const choices = boards.flatMap(({ title: dashboard, variables }) =>
    variables.map(({ name, metric, values }) => {
      const query: Query = { expr: `group by (${values}) (${metric})`, legend: `{{${values}}}` }
      return { dashboard, panel: `the variable ${name}`, query, max: Number.POSITIVE_INFINITY }
    }),
  )
  const answers: PanelAnswer[] = []
  for (const one of [...choices, ...asked]) {
    if (one.query.needs && !has.has(one.query.needs)) continue
    const { max, ...about } = one
    const found = await prometheus
      .queryRange(filled(one.query.expr), { from, to, step: 1 })
      .catch((error) => `${error}`)
    if (typeof found === 'string') answers.push({ ...about, series: 0, most: 0, problem: found })
    else
      answers.push({
        ...about,
        series: found.length,
        most: Math.max(...finite(found)),
        problem: problemOf(found, one.query, max),
      })
  }
  return answers
}

/** Those that should have data and have none. */
export function emptyOf(answers: readonly PanelAnswer[]): readonly PanelAnswer[] {
  return answers.filter(({ problem, query }) => problem !== null && query.quiet === undefined)
}

/** With every variable at All. */
function filled(expression: string): string {
  return expression.replaceAll('$__rate_interval', rateInterval).replaceAll(/\$\w+/g, '.*')
}

function problemOf(series: readonly PrometheusSeries[], { legend }: Query, max: number): string | null {
  if (series.length === 0) return 'no series'
  const numbers = finite(series)
  if (numbers.every((value) => value === 0)) return 'only zeros, or no number'
  // Rates of two series meet rounded.
  if (numbers.some((value) => value > max * 1.001)) return `more than the panel shows: ${Math.max(...numbers)}`
  const named = [...legend.matchAll(/{{(\w+)}}/g)].map(([, label = '']) => label)
  const missing = named.filter((label) => series.every(({ metric }) => metric[label] === undefined))
  return missing.length > 0 ? `no label ${missing.join(', ')} for the legend` : null
}

function finite(series: readonly PrometheusSeries[]): readonly number[] {
  return series.flatMap(({ values }) => values.map(([, value]) => value)).filter(Number.isFinite)
}
