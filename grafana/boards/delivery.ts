/** Delivery: how fast messages reach people, what providers do, and what waits. */

import { metricList as metrics } from '../../pipeline/observe/metrics/list.js'
import { type Board, variable } from '../board.js'
import { timeSeries } from '../panels.js'
import { chosen, of, quantile, rate, sum } from '../promql.js'
import { ends, objectives } from './delivery-ends.js'
import { providers } from './delivery-providers.js'

const channel = { channel: chosen('channel') }
const waited = { ...channel, priority: chosen('priority') }

/** What throttle holds back. */
const waiting = [
  timeSeries({
    title: 'How many deliveries are held back?',
    description:
      'By throttle: until a time (sendAt, a retry) or until their destination takes them (its limit, its breaker, credit). They lie in its store and survive a restart. Counted up to 10,000 for each process.',
    unit: 'short',
    queries: [{ expr: sum(['until'], of(metrics.parked)), legend: 'until {{until}}' }],
  }),
  timeSeries({
    title: 'What are they put aside for?',
    description:
      'Deliveries a second by channel and reason. send-at is what senders asked for; limit and breaker-open belong to providers; credit means that deliver has as many in hand as it may.',
    unit: 'cps',
    queries: [
      { expr: sum(['channel', 'reason'], rate(of(metrics.parkings, channel))), legend: '{{channel}}: {{reason}}' },
    ],
  }),
  timeSeries({
    title: 'How long does throttle hold a channel’s deliveries?',
    description:
      'p95 of the wait before throttle, by channel. It is what a limit or an open breaker costs. A channel without either should be near zero.',
    unit: 's',
    queries: [{ expr: quantile(0.95, ['channel'], metrics.waitSeconds, waited), legend: '{{channel}}' }],
  }),
  timeSeries({
    title: 'Do high priorities pass the others?',
    description:
      'p95 of the same wait, by priority. High must lie lowest. If all are alike, there is no queue, or too much is out already: lower deliver.window.',
    unit: 's',
    queries: [{ expr: quantile(0.95, ['priority'], metrics.waitSeconds, waited), legend: '{{priority}}' }],
  }),
]

export const delivery: Board = {
  uid: 'carillon-delivery',
  title: 'Delivery',
  description:
    'From acceptance to the end of each delivery: how long it takes, how the providers answer, what is tried again, and what is held back and why.',
  variables: [
    variable('job', 'Job', { ...metrics.build, labels: ['job'] }),
    variable('channel', 'Channel', metrics.providerSeconds),
    variable('provider', 'Provider', metrics.providerSeconds),
    variable('priority', 'Priority', metrics.acceptedToRecordedSeconds),
  ],
  rows: [
    { title: 'How long it takes', panels: objectives },
    { title: 'How it ends', panels: ends },
    { title: 'Providers', panels: providers },
    { title: 'What waits', panels: waiting },
  ],
}
