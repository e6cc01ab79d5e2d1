/** Panels about the time to a delivery's end, and about how it ended. */
import { metricList as metrics } from '../../pipeline/observe/metrics/list.js'
import { heatmap, most, timeSeries } from '../panels.js'
import { bucketsOf, chosen, countOf, grown, of, quantile, rate, sum } from '../promql.js'

const sent = { channel: chosen('channel'), priority: chosen('priority') }
const recorded = { priority: chosen('priority') }
const wentWell = { ...recorded, status: '=~"sent|delivered"' } as const
/** The objectives' bounds, of high priority and of low. */
const bounds = most(10, 300)

export const objectives = [
  timeSeries({
    title: 'How long until the slowest of a hundred was taken by its provider?',
    description:
      'p99 by channel, from acceptance, or being due where that is later, to the end of the call that the provider took it by. One channel alone climbs: its provider (below) or its limit. All climb: look at Lag for the stage that is behind.',
    unit: 's',
    queries: [{ expr: quantile(0.99, ['channel'], metrics.acceptedToProviderSeconds, sent), legend: '{{channel}}' }],
    steps: bounds,
  }),
  timeSeries({
    title: 'And until half of them were?',
    description:
      'p50 by channel. p99 high and p50 low: few are slow, by retries or a recipient’s own host. Both high: everything waits.',
    unit: 's',
    queries: [{ expr: quantile(0.5, ['channel'], metrics.acceptedToProviderSeconds, sent), legend: '{{channel}}' }],
  }),
  timeSeries({
    title: 'Do priorities keep their promises?',
    description:
      'p99 by priority of what was sent or delivered, until its end was recorded. The objectives: high 10 s, low (bulk) 300 s. High above its line while low is below: high ones are being held up by their own provider.',
    unit: 's',
    queries: [
      { expr: quantile(0.99, ['priority'], metrics.acceptedToRecordedSeconds, wentWell), legend: '{{priority}} p99' },
      { expr: quantile(0.95, ['priority'], metrics.acceptedToRecordedSeconds, wentWell), legend: '{{priority}} p95' },
    ],
    steps: bounds,
  }),
  heatmap({
    title: 'Where do times fall?',
    description:
      'Deliveries a second by how long they took to their provider. Two bands are two ways: at once, and after a retry or a wait. A band that moves up is a queue that grows.',
    unit: 's',
    queries: [{ expr: sum(['le'], rate(bucketsOf(metrics.acceptedToProviderSeconds, sent))), legend: '{{le}}' }],
  }),
]

export const ends = [
  timeSeries({
    title: 'How do deliveries end?',
    description:
      'Ends a second, by status. sent and delivered went well; suppressed and cancelled are as somebody wished; simulated has no provider, so nothing was sent. failed: see which outcome grows at the providers, and the dead letters. expired: they waited too long, see what waits.',
    unit: 'cps',
    isStacked: true,
    queries: [
      { expr: sum(['status'], rate(countOf(metrics.acceptedToRecordedSeconds, recorded))), legend: '{{status}}' },
    ],
  }),
  timeSeries({
    title: 'What part went well, by priority?',
    description:
      'sent and delivered, of all that ended so, failed or expired. Below 99 % for long: find the provider whose outcome is not accepted.',
    unit: 'percentunit',
    max: 1,
    queries: [
      {
        expr: `${sum(['priority'], rate(countOf(metrics.acceptedToRecordedSeconds, wentWell)))} / ${sum(['priority'], rate(countOf(metrics.acceptedToRecordedSeconds, { ...recorded, status: '=~"sent|delivered|failed|expired"' })))}`,
        legend: '{{priority}}',
      },
    ],
    steps: [
      { from: null, color: 'red' },
      { from: 0.99, color: 'green' },
    ],
  }),
  timeSeries({
    title: 'What ended as it should without being sent?',
    description:
      'Records dropped a second by stage and reason: twins, unknown letters, cancelled ones. A sudden rise of duplicates is an upstream that repeats itself.',
    unit: 'cps',
    queries: [{ expr: sum(['stage', 'reason'], rate(of(metrics.dropped))), legend: '{{stage}}: {{reason}}' }],
  }),
  timeSeries({
    title: 'What was given up, to be seen to by a person?',
    description:
      'Dead letters of a quarter of an hour by stage and cause. Look at them with carillon dead-letters list, mend the cause, then replay them.',
    unit: 'short',
    queries: [{ expr: sum(['stage', 'cause'], grown(of(metrics.deadLetters), '15m')), legend: '{{stage}}: {{cause}}' }],
  }),
]
