/** The kinds of panels. A panel's title is the question that it answers; its description says how to read it and what to
 *  do. */

import * as bargauge from '@grafana/grafana-foundation-sdk/bargauge'
import type * as cog from '@grafana/grafana-foundation-sdk/cog'
import * as common from '@grafana/grafana-foundation-sdk/common'
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard'
import * as heatmaps from '@grafana/grafana-foundation-sdk/heatmap'
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus'
import * as stats from '@grafana/grafana-foundation-sdk/stat'
import * as tables from '@grafana/grafana-foundation-sdk/table'
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries'

/** What a query has no data without: a log on Kafka, records in MongoDB, records in SQLite, the rules and alerts. */
export type Need = 'kafka' | 'mongodb' | 'sqlite' | 'rules'

export interface Query {
  readonly expr: string
  readonly legend: string
  readonly needs?: Need
  /** Why it may be zero, or nothing, although everything was made to happen that can be. */
  readonly quiet?: string
}

/** A colour from a value on, lowest first. */
export interface Step {
  readonly from: number | null
  readonly color: string
}

export interface PanelSpec {
  readonly title: string
  readonly description: string
  /** Grafana's name of it. */
  readonly unit: string
  readonly queries: readonly Query[]
  /** Of 24. */
  readonly width?: number
  /** Of some 30 pixels. */
  readonly height?: number
  readonly steps?: readonly Step[]
  readonly links?: readonly PanelLink[]
  readonly max?: number
  readonly decimals?: number
  /** The last value only, for what is costly to ask for. */
  readonly isInstant?: boolean
}

export interface PanelLink {
  readonly title: string
  readonly url: string
}

export interface BoardPanel extends PanelSpec {
  readonly kind: 'timeseries' | 'stat' | 'bargauge' | 'heatmap' | 'table'
  build(id: number): cog.Builder<dashboard.Panel>
}

/** What every panel's builder can do, whatever its kind. */
interface CommonBuilder extends cog.Builder<dashboard.Panel> {
  id(id: number): this
  title(title: string): this
  description(description: string): this
  datasource(source: common.DataSourceRef): this
  height(height: number): this
  span(width: number): this
  unit(unit: string): this
  max(max: number): this
  decimals(decimals: number): this
  thresholds(thresholds: cog.Builder<dashboard.ThresholdsConfig>): this
  links(links: cog.Builder<dashboard.DashboardLink>[]): this
  withTarget(target: cog.Builder<cog.Dataquery>): this
}

export const source: common.DataSourceRef = { type: 'prometheus', uid: '$datasource' }

/** Green below, orange from `warn` on, red from `bad` on. */
export function most(warn: number, bad: number): readonly Step[] {
  return [
    { from: null, color: 'green' },
    { from: warn, color: 'orange' },
    { from: bad, color: 'red' },
  ]
}

/** Red below `bad`, orange below `warn`, green from there on. */
export function least(bad: number, warn: number): readonly Step[] {
  return [
    { from: null, color: 'red' },
    { from: bad, color: 'orange' },
    { from: warn, color: 'green' },
  ]
}

/** What makes the builder of a panel's kind; how large the panel is where it does not say. */
function panel(kind: BoardPanel['kind'], spec: PanelSpec, size: Size, make: () => CommonBuilder): BoardPanel {
  return { ...spec, kind, build: (id) => described(make(), id, { ...size, ...spec }) }
}

type Size = Pick<PanelSpec, 'width' | 'height' | 'isInstant'>
const half: Size = { width: 12, height: 8 }

export function timeSeries(spec: PanelSpec & { readonly isStacked?: boolean }): BoardPanel {
  return panel('timeseries', spec, half, () => {
    const builder = new timeseries.PanelBuilder()
      .min(0)
      .fillOpacity(spec.isStacked ? 40 : 8)
      .showPoints(common.VisibilityMode.Never)
      .legend(
        new common.VizLegendOptionsBuilder()
          .displayMode(common.LegendDisplayMode.Table)
          .placement(common.LegendPlacement.Bottom)
          .showLegend(true)
          .calcs(['mean', 'max', 'lastNotNull']),
      )
      .tooltip(
        new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending),
      )
    if (spec.isStacked) builder.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal))
    const dashed = new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed)
    return spec.steps ? builder.thresholdsStyle(dashed) : builder
  })
}

/** One number, or one for each series. */
export function stat(spec: PanelSpec): BoardPanel {
  return panel('stat', spec, { width: 4, height: 4 }, () =>
    new stats.PanelBuilder()
      .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
      .colorMode(spec.steps ? common.BigValueColorMode.Background : common.BigValueColorMode.None)
      .graphMode(spec.isInstant ? common.BigValueGraphMode.None : common.BigValueGraphMode.Area),
  )
}

/** A bar for each series, as it is now. */
export function barGauge(spec: PanelSpec): BoardPanel {
  return panel('bargauge', spec, half, () =>
    new bargauge.PanelBuilder()
      .min(0)
      .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
      .orientation(common.VizOrientation.Horizontal)
      .displayMode(common.BarGaugeDisplayMode.Basic),
  )
}

/** Where observations fall, over time. Its one query gives buckets by `le`. */
export function heatmap(spec: PanelSpec): BoardPanel {
  return panel('heatmap', spec, half, () =>
    new heatmaps.PanelBuilder().yAxis(new heatmaps.YAxisConfigBuilder().unit(spec.unit)),
  )
}

/** A row for each series, as it is now. `columns`: labels in their order, and `Value`, with what each is called. */
export function table(spec: PanelSpec & { readonly columns: Readonly<Record<string, string>> }): BoardPanel {
  const names = Object.keys(spec.columns)
  const indexByName = Object.fromEntries(names.map((name, index) => [name, index]))
  return panel('table', spec, { width: 24, height: 8, isInstant: true }, () =>
    new tables.PanelBuilder()
      .withTransformation({ id: 'filterFieldsByName', options: { include: { names } } })
      .withTransformation({ id: 'organize', options: { indexByName, renameByName: spec.columns } }),
  )
}

function described<B extends CommonBuilder>(builder: B, id: number, spec: PanelSpec): B {
  const { width = 12, height = 8, steps, links, max, decimals, queries } = spec
  builder.id(id).title(spec.title).description(spec.description).unit(spec.unit)
  builder.datasource(source).span(width).height(height)
  if (steps) builder.thresholds(thresholdsOf(steps))
  if (max !== undefined) builder.max(max)
  if (decimals !== undefined) builder.decimals(decimals)
  if (links) builder.links(links.map(({ title, url }) => new dashboard.DashboardLinkBuilder(title).url(url)))
  queries.forEach((query, index) => void builder.withTarget(target(query, index, spec, builder)))
  return builder
}

function thresholdsOf(steps: readonly Step[]): dashboard.ThresholdsConfigBuilder {
  return new dashboard.ThresholdsConfigBuilder()
    .mode(dashboard.ThresholdsMode.Absolute)
    .steps(steps.map(({ from, color }) => ({ value: from, color })))
}

function target(query: Query, index: number, spec: PanelSpec, builder: unknown): prometheus.DataqueryBuilder {
  const built = new prometheus.DataqueryBuilder()
    .refId(String.fromCharCode('A'.charCodeAt(0) + index))
    .expr(query.expr)
    .datasource(source)
  if (builder instanceof heatmaps.PanelBuilder)
    return built.range().legendFormat('{{le}}').format(prometheus.PromQueryFormat.Heatmap)
  if (builder instanceof tables.PanelBuilder) return built.instant().format(prometheus.PromQueryFormat.Table)
  return (spec.isInstant ? built.instant() : built.range()).legendFormat(query.legend)
}
