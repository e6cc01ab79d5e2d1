/** Panels about what providers do with calls. */
import { metricList as metrics } from '../../pipeline/observe/metrics/list.js'
import { heatmap, timeSeries } from '../panels.js'
import { bucketsOf, chosen, countOf, max, of, quantile, rate, sum } from '../promql.js'

const provider = { provider: chosen('provider') }
const calls = { ...provider, channel: chosen('channel') }

export const providers = [
  timeSeries({
    title: 'How do providers answer?',
    description:
      'Calls a second by provider and outcome. transient is tried again; rate-limited waits as long as it was told; permanent and recipient are ends: the address, the message or the account is wrong.',
    unit: 'cps',
    isStacked: true,
    queries: [
      {
        expr: sum(['provider', 'outcome'], rate(countOf(metrics.providerSeconds, calls))),
        legend: '{{provider}} {{outcome}}',
      },
    ],
  }),
  timeSeries({
    title: 'How long does a call take?',
    description:
      'p99 and p50 by provider. Near its timeoutMs: it hangs, and its breaker will open. Slow but sure: more concurrency keeps the rate up.',
    unit: 's',
    queries: [
      { expr: quantile(0.99, ['provider'], metrics.providerSeconds, calls), legend: '{{provider}} p99' },
      { expr: quantile(0.5, ['provider'], metrics.providerSeconds, calls), legend: '{{provider}} p50' },
    ],
  }),
  heatmap({
    title: 'Where do call times fall?',
    description:
      'Calls a second by duration. A second band far above the first is a time-out, or one bad host of many.',
    unit: 's',
    queries: [{ expr: sum(['le'], rate(bucketsOf(metrics.providerSeconds, calls))), legend: '{{le}}' }],
  }),
  timeSeries({
    title: 'What is put back for later?',
    description:
      'Deliveries a second that go back to throttle: a transient answer, a limit that the provider told, an open breaker. Each comes again by itself; a steady stream means that the provider is unwell or its ratePerSecond is set too high.',
    unit: 'cps',
    queries: [
      { expr: sum(['provider', 'reason'], rate(of(metrics.putBack, calls))), legend: '{{provider}}: {{reason}}' },
    ],
  }),
  timeSeries({
    title: 'Which breakers are not closed?',
    description:
      'Circuit breakers that are open or half-open, by provider; a webhook provider has one for each host. Open: its calls fail in a row, and what is for it waits; it is tried again by itself after breaker.halfOpenAfterMs. Nothing is lost. Ask the provider.',
    unit: 'short',
    queries: [
      {
        expr: max(['provider', 'state'], of(metrics.breakers, { ...provider, state: '!="closed"' })),
        legend: '{{provider}} {{state}}',
      },
    ],
    steps: [
      { from: null, color: 'green' },
      { from: 1, color: 'red' },
    ],
  }),
  timeSeries({
    title: 'Is a provider used as fast as it may be?',
    description:
      'Calls a second against its limit, where it has one. At the limit with deliveries waiting: the limit is what holds them back. Far below with deliveries waiting: its slowness or its breaker is.',
    unit: 'cps',
    queries: [
      { expr: sum(['provider'], rate(countOf(metrics.providerSeconds, calls))), legend: '{{provider}} calls' },
      { expr: max(['provider', 'channel'], of(metrics.providerPace, calls)), legend: '{{provider}} {{channel}} limit' },
    ],
  }),
  timeSeries({
    title: 'How many calls are under way?',
    description:
      'Calls begun and not answered, by provider. Level at its concurrency times the processes: more of either would make it faster, where the provider can take it.',
    unit: 'short',
    queries: [{ expr: sum(['provider'], of(metrics.providerCalling, provider)), legend: '{{provider}}' }],
  }),
  timeSeries({
    title: 'How many stand in line for a call?',
    description:
      'Deliveries taken by deliver whose call has not begun, by provider. They wait for a free call or for their limit. Bounded by deliver.window; the rest waits in throttle, where it can still be cancelled.',
    unit: 'short',
    queries: [{ expr: sum(['provider'], of(metrics.providerWaiting, provider)), legend: '{{provider}}' }],
  }),
]
