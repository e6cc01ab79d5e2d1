/** Panels about the stages in the processes: their commits, their crashes, their state. */
import { metricList as metrics } from '../../pipeline/observe/metrics/list.js'
import { heatmap, least, most, type PanelSpec, timeSeries } from '../panels.js'
import { bucketsOf, chosen, countOf, grown, max, mean, of, quantile, rate, sum } from '../promql.js'

const here = { instance: chosen('instance'), stage: chosen('stage') }
/** Three of them stand side by side. */
const series = (spec: PanelSpec) => timeSeries({ width: 8, ...spec })

export const stages = [
  series({
    title: 'How long does a commit take?',
    description:
      'p99 and p50 of one transaction: outputs, state and positions. On SQLite it is the disk’s sync, on Kafka the broker’s. Slow for all stages at once: the disk or the broker.',
    unit: 's',
    queries: [
      { expr: quantile(0.99, ['stage'], metrics.operationSeconds, here), legend: '{{stage}} p99' },
      { expr: quantile(0.5, ['stage'], metrics.operationSeconds, here), legend: '{{stage}} p50' },
    ],
    steps: most(0.5, 2.5),
  }),
  series({
    title: 'How many records does a commit settle?',
    description:
      'Mean by stage. Large under load is right: it is what makes a drain fast. Small under load with a lag: the stage waits for something between its records.',
    unit: 'short',
    queries: [{ expr: mean(['stage'], metrics.commitRecords, here), legend: '{{stage}}' }],
  }),
  heatmap({
    width: 8,
    title: 'Are commits large or small?',
    description:
      'Commits a second by how many records each settles, of the chosen stages. At a trickle nearly all are at 1.',
    unit: 'short',
    queries: [{ expr: sum(['le'], rate(bucketsOf(metrics.commitRecords, here))), legend: '{{le}}' }],
  }),
  series({
    title: 'How many commits are there?',
    description:
      'A second, by stage. On Kafka each costs the broker some 30 writes of marks; commits that settle many records are spaced by 200 ms.',
    unit: 'cps',
    queries: [{ expr: sum(['stage'], rate(countOf(metrics.operationSeconds, here))), legend: '{{stage}}' }],
  }),
  series({
    title: 'How long does a batch take in a stage?',
    description:
      'p95 from giving a batch to the stage until its records are committed. deliver’s holds the provider’s calls, throttle’s the wait for credit; the others compute only.',
    unit: 's',
    queries: [{ expr: quantile(0.95, ['stage'], metrics.processSeconds, here), legend: '{{stage}}' }],
  }),
  series({
    title: 'What do stages write?',
    description:
      'Records a second by stage and topic. Status events and dead letters are among them. What is written without being asked for shows here first.',
    unit: 'cps',
    queries: [
      {
        expr: sum(['stage', 'messaging_destination_name'], rate(of(metrics.sent, here))),
        legend: '{{stage}} → {{messaging_destination_name}}',
      },
    ],
  }),
  series({
    title: 'Does every stage run?',
    description:
      'Processes in which each stage runs: 0 or a dent is a crash, after which it starts again by itself, later each time. Its log says why.',
    unit: 'short',
    queries: [{ expr: sum(['stage'], of(metrics.running, here)), legend: '{{stage}}' }],
    steps: least(1, 1),
  }),
  series({
    title: 'Does a stage stand still?',
    description:
      'Seconds since it last committed or found nothing to do. Readiness fails and health with it when it stands too long, and whatever runs the process starts it again.',
    unit: 's',
    queries: [{ expr: max(['stage', 'instance'], of(metrics.stillSeconds, here)), legend: '{{stage}} {{instance}}' }],
    steps: most(30, 60),
  }),
  series({
    title: 'Has a stage crashed?',
    description:
      'Restarts within an hour. Kafka being away is one, too. A stage that crashes on one record gives that record up in the end: see the dead letters.',
    unit: 'short',
    queries: [{ expr: sum(['stage'], grown(of(metrics.restarts, here), '1h')), legend: '{{stage}}' }],
    steps: most(1, 10),
  }),
]

export const restores = [
  series({
    title: 'How much state was read anew?',
    description:
      'Records of the changelog that the last restore has read. It happens when partitions come to a process that has no current state of them.',
    unit: 'short',
    queries: [
      {
        expr: max(['stage', 'instance'], of(metrics.restored, here)),
        legend: '{{stage}} {{instance}}',
        needs: 'kafka',
      },
    ],
  }),
  series({
    title: 'How fast?',
    description: 'Records a second of the last restore. Slow: the disk, or a broker under load.',
    unit: 'cps',
    queries: [
      {
        expr: max(['stage', 'instance'], of(metrics.restoreRate, here)),
        legend: '{{stage}} {{instance}}',
        needs: 'kafka',
      },
    ],
  }),
  series({
    title: 'How long until a restore is done?',
    description:
      'An estimate. While it lasts the partitions concerned stand still. Longer than a minute: keep the folder of state over restarts.',
    unit: 's',
    queries: [
      {
        expr: max(['stage', 'instance'], of(metrics.restoreLeft, here)),
        legend: '{{stage}} {{instance}}',
        needs: 'kafka',
        quiet: 'It is 0 again within a moment, unless a changelog holds far more than a test can write.',
      },
    ],
    steps: most(60, 300),
  }),
]
