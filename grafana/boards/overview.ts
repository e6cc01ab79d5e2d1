/** Overview: is it fine, and if not, where to look. */
import { metricList as metrics } from '../../pipeline/observe/metrics/list.js'
import { type Board, boardLink, variable } from '../board.js'
import { barGauge, least, most, stat, table, timeSeries } from '../panels.js'
import { bucketsOf, countOf, foreign, grown, max, of, rate, sum } from '../promql.js'

const ended = '=~"sent|delivered|failed|expired"'
const wentWell = '=~"sent|delivered"'
const lagLink = { title: 'Lag', url: boardLink('carillon-lag') }
const deliveryLink = { title: 'Delivery', url: boardLink('carillon-delivery') }
const runtimeLink = { title: 'Runtime', url: boardLink('carillon-runtime') }
const ingressLink = { title: 'Ingress', url: boardLink('carillon-ingress') }

/** Of the deliveries of a priority that ended, the part that was sent within a bound. Prometheus 2 writes the bound as it
 *  was told, Prometheus 3 with a fraction. */
function within(priority: 'high' | 'low', seconds: number): string {
  const labels = { priority: `="${priority}"` } as const
  const well = bucketsOf(metrics.acceptedToRecordedSeconds, {
    ...labels,
    status: wentWell,
    le: `=~"${seconds}|${seconds}\\\\.0"`,
  })
  const all = countOf(metrics.acceptedToRecordedSeconds, { ...labels, status: ended })
  return `${sum([], rate(well))} / ${sum([], rate(all))}`
}

export const overview: Board = {
  uid: 'carillon-overview',
  title: 'Overview',
  description:
    'Is it fine? The first row says so at a glance; the rows below say what is promised, how it is kept, and what flows. Whatever is orange or red leads on by its link.',
  variables: [variable('job', 'Job', { ...metrics.build, labels: ['job'] })],
  rows: [
    {
      title: 'Is it fine?',
      panels: [
        stat({
          title: 'How far behind is the slowest stage?',
          description:
            'The age of the oldest record that any stage has not settled. Green under a minute. Otherwise open Lag: it says which stage, and whether it catches up.',
          unit: 's',
          queries: [{ expr: max([], of(metrics.groupMaxLagSeconds)), legend: 'behind' }],
          steps: most(60, 300),
          links: [lagLink],
        }),
        stat({
          title: 'Does every stage run somewhere?',
          description:
            'No: a stage that the lag is told of runs in no process that is scraped, or crashes again and again. What is for it waits in the log and is safe. Open Runtime, then that process’s log.',
          unit: 'bool_yes_no',
          // A stage that runs nowhere tells nothing; whoever looks at the lag still knows of it.
          queries: [
            {
              expr: `min(${max(['stage'], of(metrics.running))} or on (stage) 0 * ${max(['stage'], of(metrics.groupMaxLag))})`,
              legend: 'runs',
            },
          ],
          steps: least(1, 1),
          links: [runtimeLink],
        }),
        stat({
          title: 'Do all processes answer?',
          description:
            'The part of scraped processes that answer. Below 100 %: one is gone or hangs; the page /targets of Prometheus says which.',
          unit: 'percentunit',
          decimals: 0,
          queries: [{ expr: `${sum([], foreign('up'))} / count(${foreign('up')})`, legend: 'answer' }],
          steps: least(0.99, 1),
          links: [runtimeLink],
        }),
        stat({
          title: 'How many breakers are open?',
          description:
            'Providers, or hosts of webhooks, that fail in a row and are left alone for a while. Nothing is lost; what is for them waits. Open Delivery.',
          unit: 'short',
          queries: [
            {
              expr: `sum(${max(['provider', 'state'], of(metrics.breakers, { state: '!="closed"' }))})`,
              legend: 'open',
            },
          ],
          steps: most(1, 5),
          links: [deliveryLink],
        }),
        stat({
          title: 'What was given up in this hour?',
          description:
            'Dead letters of the last hour: each waits for a person. carillon dead-letters list shows them with their causes; mend the cause, then replay.',
          unit: 'short',
          decimals: 0,
          queries: [{ expr: sum([], grown(of(metrics.deadLetters), '1h')), legend: 'dead letters' }],
          steps: most(1, 20),
        }),
        stat({
          title: 'How many alerts fire?',
          description: 'By Prometheus’ rules in grafana/rules. The last row lists them; each says what to do.',
          unit: 'short',
          queries: [{ expr: 'count(ALERTS{alertstate="firing"}) or vector(0)', legend: 'firing', needs: 'rules' }],
          steps: most(1, 1),
        }),
      ],
    },
    {
      title: 'Are the promises kept?',
      panels: [
        barGauge({
          title: 'How much of each budget is left?',
          description:
            'Of 30 days: 100 % means that nothing was missed, 0 % that as much was missed as may be. accepted: 99.9 % of posts without 5xx. high: 99 % within 10 s. bulk (low): 99 % within 300 s. Little left: put off what is risky.',
          unit: 'percentunit',
          width: 8,
          max: 1,
          isInstant: true,
          queries: [{ expr: 'carillon:objective_budget_left:ratio30d', legend: '{{objective}}', needs: 'rules' }],
          steps: least(0, 0.25),
        }),
        timeSeries({
          title: 'How fast are budgets used up?',
          description:
            'Over the last hour; 1 uses up the budget of 30 days in 30 days, 14.4 a fiftieth of it in an hour and wakes somebody. Zero is best.',
          unit: 'short',
          width: 8,
          queries: [
            { expr: 'carillon:objective_burn:rate1h', legend: '{{objective}} over 1 h', needs: 'rules' },
            { expr: 'carillon:objective_burn:rate6h', legend: '{{objective}} over 6 h', needs: 'rules' },
          ],
          steps: most(1, 14.4),
        }),
        timeSeries({
          title: 'What part keeps its time?',
          description:
            'Of what ended lately, the part that was sent within its bound: high within 10 s, bulk (low) within 300 s. Under 99 % the budget shrinks. Lag says whether it waits for a stage, Delivery whether for a provider.',
          unit: 'percentunit',
          width: 8,
          max: 1,
          queries: [
            { expr: within('high', 10), legend: 'high within 10 s' },
            { expr: within('low', 300), legend: 'bulk within 300 s' },
          ],
          steps: least(0.99, 0.99),
          links: [lagLink, deliveryLink],
        }),
      ],
    },
    {
      title: 'What flows?',
      panels: [
        timeSeries({
          title: 'Does what is accepted get out?',
          description:
            'Notifications accepted a second, and deliveries that ended well or not. One notification can have several deliveries, or wait for its time. Accepted far above ended for long: open Lag.',
          unit: 'cps',
          queries: [
            { expr: sum([], rate(of(metrics.accepted))), legend: 'accepted' },
            {
              expr: sum([], rate(countOf(metrics.acceptedToRecordedSeconds, { status: wentWell }))),
              legend: 'sent or delivered',
            },
            {
              expr: sum([], rate(countOf(metrics.acceptedToRecordedSeconds, { status: '=~"failed|expired"' }))),
              legend: 'failed or expired',
            },
          ],
          links: [ingressLink, deliveryLink],
        }),
        timeSeries({
          title: 'How much does each stage settle?',
          description:
            'Records a second. In a steady flow the stages lie close together; the first that lies lower is where it is held up. record is higher: it reads several status events for each notification.',
          unit: 'cps',
          queries: [{ expr: sum(['stage'], rate(of(metrics.consumed))), legend: '{{stage}}' }],
          links: [runtimeLink],
        }),
        timeSeries({
          title: 'Which stage is behind, and by how much?',
          description:
            'The age of the oldest record that a stage has not settled. A line that climbs by a second each second: that stage settles nothing.',
          unit: 's',
          queries: [{ expr: max(['stage'], of(metrics.groupMaxLagSeconds)), legend: '{{stage}}' }],
          steps: most(60, 300),
          links: [lagLink],
        }),
        timeSeries({
          title: 'What goes wrong?',
          description:
            'Within five minutes: answers with 5xx, deliveries put back for later, dead letters. Put back is not lost: it is tried again. Dead letters are for a person.',
          unit: 'short',
          queries: [
            {
              expr: sum([], grown(countOf(metrics.requestSeconds, { http_response_status_code: '=~"5.."' }), '5m')),
              legend: 'answers with 5xx',
            },
            { expr: sum([], grown(of(metrics.putBack), '5m')), legend: 'put back' },
            { expr: sum([], grown(of(metrics.deadLetters), '5m')), legend: 'dead letters' },
          ],
          links: [ingressLink, deliveryLink],
        }),
      ],
    },
    {
      title: 'Alerts',
      panels: [
        table({
          title: 'Which alerts are there?',
          description:
            'Firing, or pending until they have lasted long enough. What each means and what to do stands in its annotations: Prometheus’ page /alerts, and docs/operations.md.',
          unit: 'none',
          columns: {
            alertname: 'Alert',
            alertstate: 'State',
            severity: 'Severity',
            stage: 'Stage',
            provider: 'Provider',
            objective: 'Objective',
            instance: 'Process',
          },
          queries: [{ expr: 'ALERTS', legend: '', needs: 'rules' }],
        }),
      ],
    },
  ],
}
