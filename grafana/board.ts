/** A dashboard: its variables, its rows of panels, and the links to the others and to the traces. */
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard'
import type { MetricOf } from '../pipeline/observe/metrics/metric.js'
import { type BoardPanel, source } from './panels.js'

export interface Row {
  readonly title: string
  readonly panels: readonly BoardPanel[]
}

export interface Board {
  /** Also the name of its file. */
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly variables: readonly Variable[]
  readonly rows: readonly Row[]
}

/** Something to choose one, several or all of. */
export interface Variable {
  readonly name: string
  readonly label: string
  /** Where its values stand: a label of a metric. */
  readonly metric: string
  readonly values: string
}

export function variable<L extends string>(name: L, label: string, metric: MetricOf<L>): Variable {
  return { name, label, metric: metric.type === 'histogram' ? `${metric.name}_count` : metric.name, values: name }
}

const tag = 'carillon'
/** Of Prometheus and of the traces, as they are provisioned. */
export const sources = { metrics: { name: 'Prometheus', uid: 'prometheus' }, traces: { uid: 'jaeger' } } as const
/** What Carillon calls itself in its traces. */
export const tracedService = 'carillon'

/** A link to another dashboard, over the same time and, where it has them, with the same choices. `choice`: more of them,
 *  as they stand in an address. */
export function boardLink(uid: string, choice = ''): string {
  return `/d/${uid}?\${__url_time_range}&\${job:queryparam}${choice}`
}

/** The page on which traces are looked for, at the dashboard's time. */
export const tracesLink = explore()

export function dashboardOf({ uid, title, description, variables, rows }: Board): dashboard.Dashboard {
  const builder = new dashboard.DashboardBuilder(`Carillon: ${title}`)
    .uid(uid)
    .description(description)
    .tags([tag])
    .readonly()
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .refresh('10s')
    .time({ from: 'now-1h', to: 'now' })
    .withVariable(sourceVariable())
    .link(
      new dashboard.DashboardLinkBuilder('Carillon')
        .type(dashboard.DashboardLinkType.Dashboards)
        .tags([tag])
        .keepTime(true)
        .includeVars(true),
    )
    .link(
      new dashboard.DashboardLinkBuilder('Traces')
        .type(dashboard.DashboardLinkType.Link)
        .icon('external link')
        .tooltip('Traces of these minutes, where tracing is on')
        .url(tracesLink),
    )
  for (const one of variables) builder.withVariable(queryVariable(one))
  let id = 0
  for (const row of rows) {
    builder.withRow(new dashboard.RowBuilder(row.title).id(++id))
    for (const panel of row.panels) builder.withPanel(panel.build(++id))
  }
  return withLinksInSight(builder.build())
}

/** The library would put them into a menu. */
function withLinksInSight(built: dashboard.Dashboard): dashboard.Dashboard {
  const inSight = ({ placement: _, ...link }: dashboard.DashboardLink) => link
  return { ...built, links: (built.links ?? []).map(inSight) }
}

function sourceVariable(): dashboard.DatasourceVariableBuilder {
  return new dashboard.DatasourceVariableBuilder('datasource')
    .label('Data source')
    .type('prometheus')
    .current({ selected: true, text: sources.metrics.name, value: sources.metrics.uid })
}

function queryVariable({ name, label, metric, values }: Variable): dashboard.QueryVariableBuilder {
  const query = `label_values(${metric}, ${values})`
  return new dashboard.QueryVariableBuilder(name)
    .label(label)
    .datasource(source)
    .query({ query, refId: name })
    .definition(query)
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .sort(dashboard.VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ selected: true, text: ['All'], value: ['$__all'] })
}

/** Grafana fills in the times, so they must not be escaped. */
function explore(): string {
  const { uid } = sources.traces
  const query = { refId: 'A', datasource: { type: 'jaeger', uid }, queryType: 'search', service: tracedService }
  const pane = { datasource: uid, queries: [query], range: { from: 'FROM', to: 'TO' } }
  const panes = encodeURIComponent(JSON.stringify({ traces: pane }))
  return `/explore?schemaVersion=1&panes=${panes.replace('FROM', `\${__from}`).replace('TO', `\${__to}`)}`
}
