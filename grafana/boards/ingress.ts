/** Ingress: what comes in by HTTP and from Kafka, and how it is answered. */
import { metricList as metrics } from '../../pipeline/observe/metrics/list.js'
import { type Board, variable } from '../board.js'
import { heatmap, most, timeSeries } from '../panels.js'
import { bucketsOf, chosen, countOf, grown, max, of, quantile, rate, sum } from '../promql.js'

const here = { instance: chosen('instance') }
const route = { ...here, http_route: chosen('http_route') }
const asRoute = ['http_request_method', 'http_route'] as const
const legend = '{{http_request_method}} {{http_route}}'

export const ingress: Board = {
  uid: 'carillon-ingress',
  title: 'Ingress',
  description:
    'Rate, errors and duration of every route, what was accepted, by which contract and how urgent, who watches, and what the intake takes from Kafka.',
  variables: [
    variable('job', 'Job', { ...metrics.build, labels: ['job'] }),
    variable('instance', 'Process', { ...metrics.activeRequests, labels: ['instance'] }),
    variable('http_route', 'Route', metrics.requestSeconds),
  ],
  rows: [
    {
      title: 'Requests',
      panels: [
        timeSeries({
          title: 'What is asked?',
          description:
            'Requests a second by route. A sudden rise of one route is one client: look in the log for its address.',
          unit: 'reqps',
          queries: [{ expr: sum(asRoute, rate(countOf(metrics.requestSeconds, route))), legend }],
        }),
        timeSeries({
          title: 'What is refused?',
          description:
            'Answers a second that are 4xx, by route and status: the client’s doing. 400: its request is wrong, the answer says where; 401: its key; 409, 422: idempotency; 429: contract B’s limit for an address.',
          unit: 'reqps',
          queries: [
            {
              expr: sum(
                [...asRoute, 'http_response_status_code'],
                rate(countOf(metrics.requestSeconds, { ...route, http_response_status_code: '=~"4.."' })),
              ),
              legend: `${legend} {{http_response_status_code}}`,
            },
          ],
        }),
        timeSeries({
          title: 'What fails?',
          description:
            'The part of the answers of five minutes that are 5xx, by route: our doing, and what the objective of 99.9 % counts. 503: the log or the store does not answer; 507: the disk is full. Nothing that was answered with 202 is lost by it.',
          unit: 'percentunit',
          queries: [
            {
              expr: `${sum(asRoute, grown(countOf(metrics.requestSeconds, { ...route, http_response_status_code: '=~"5.."' }), '5m'))} / ${sum(asRoute, grown(countOf(metrics.requestSeconds, route), '5m'))}`,
              legend,
            },
          ],
          steps: most(0.001, 0.01),
        }),
        timeSeries({
          title: 'How long does an answer take?',
          description:
            'p99 by route, until the answer’s head. Posts wait for the log: their floor is its sync. A read with ?wait= takes as long as it was told.',
          unit: 's',
          queries: [{ expr: quantile(0.99, asRoute, metrics.requestSeconds, route), legend }],
        }),
        timeSeries({
          title: 'And mostly?',
          description:
            'p50 by route. Far below p99: some requests wait, mostly for a commit of a large batch before them.',
          unit: 's',
          queries: [{ expr: quantile(0.5, asRoute, metrics.requestSeconds, route), legend }],
        }),
        heatmap({
          title: 'Where do answer times fall?',
          description:
            'Requests a second by duration, of the chosen routes. A band that climbs is a queue: the process is at its limit.',
          unit: 's',
          queries: [{ expr: sum(['le'], rate(bucketsOf(metrics.requestSeconds, route))), legend: '{{le}}' }],
        }),
        timeSeries({
          title: 'How many requests are under way?',
          description:
            'By process. Uneven: the load balancer does not see all of them as ready. Climbing with a steady rate: answers get slower.',
          unit: 'short',
          queries: [{ expr: sum(['instance'], of(metrics.activeRequests, here)), legend: '{{instance}}' }],
        }),
      ],
    },
    {
      title: 'What was accepted',
      panels: [
        timeSeries({
          title: 'How much is accepted, and how urgent?',
          description: 'Notifications a second by priority, durable in the log. One batch is many notifications.',
          unit: 'cps',
          isStacked: true,
          queries: [{ expr: sum(['priority'], rate(of(metrics.accepted, here))), legend: '{{priority}}' }],
        }),
        timeSeries({
          title: 'By which contract?',
          description:
            'Notifications a second by origin: Carillon’s own API, Kafka, or a contract of a system that it replaces. A contract at zero for long can be switched off.',
          unit: 'cps',
          isStacked: true,
          queries: [{ expr: sum(['origin'], rate(of(metrics.accepted, here))), legend: '{{origin}}' }],
        }),
        timeSeries({
          title: 'How many requests were repeated?',
          description:
            'Requests a second answered from an earlier one with the same key. Some are right: that is what keys are for. Many: a client’s time-out is shorter than our answers.',
          unit: 'reqps',
          queries: [{ expr: sum(['origin'], rate(of(metrics.replayed, here))), legend: '{{origin}}' }],
        }),
        timeSeries({
          title: 'Who watches?',
          description:
            'Open event streams and WebSockets, by kind. Each is dropped when it does not keep up, and comes again with its last event id.',
          unit: 'short',
          queries: [{ expr: sum(['kind'], of(metrics.watchers, here)), legend: '{{kind}}' }],
        }),
      ],
    },
    {
      title: 'Intake from Kafka',
      panels: [
        timeSeries({
          title: 'What does the intake take in?',
          description:
            'Events a second read from notifications.inbound, and those given up as invalid; the latter are in the dead letters with their cause.',
          unit: 'cps',
          queries: [
            { expr: sum([], rate(of(metrics.consumed, { stage: '="intake"' }))), legend: 'taken', needs: 'kafka' },
            {
              expr: sum(['cause'], rate(of(metrics.deadLetters, { stage: '="intake"' }))),
              legend: 'refused: {{cause}}',
              needs: 'kafka',
            },
          ],
        }),
        timeSeries({
          title: 'Is the intake behind?',
          description:
            'The age of the oldest event on notifications.inbound that was not taken. It runs in every ingress: add one.',
          unit: 's',
          queries: [
            { expr: max([], of(metrics.groupMaxLagSeconds, { stage: '="intake"' })), legend: 'intake', needs: 'kafka' },
          ],
          steps: most(10, 60),
        }),
      ],
    },
  ],
}
