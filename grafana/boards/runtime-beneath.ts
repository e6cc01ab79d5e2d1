/** Panels about what Carillon stands on: SQLite, MongoDB, Kafka's client. */
import { metricList as metrics } from '../../pipeline/observe/metrics/list.js'
import { most, type Need, type PanelSpec, type Query, timeSeries } from '../panels.js'
import { chosen, countOf, grown, max, of, quantile, rate, sum } from '../promql.js'

const here = { instance: chosen('instance') }
const inSqlite = { ...here, db_system_name: '="sqlite"' } as const
const inMongo = { ...here, db_system_name: '="mongodb"' } as const
/** A query that has no data without what it needs. */
const on = (needs: Need, expr: string, legend: string): Query => ({ expr, legend, needs })
/** Three of them stand side by side. */
const series = (spec: PanelSpec) => timeSeries({ width: 8, ...spec })

export const sqlite = [
  series({
    title: 'How long does a transaction take?',
    description:
      'p99 and p50 by operation. The commit that syncs is the disk’s own time; above 100 ms the disk is slow or shared.',
    unit: 's',
    queries: [
      {
        expr: quantile(0.99, ['db_operation_name'], metrics.databaseSeconds, inSqlite),
        legend: '{{db_operation_name}} p99',
      },
      {
        expr: quantile(0.5, ['db_operation_name'], metrics.databaseSeconds, inSqlite),
        legend: '{{db_operation_name}} p50',
      },
    ],
    steps: most(0.1, 1),
  }),
  series({
    title: 'How many transactions are there?',
    description: 'A second, by operation and process. They are what a drain spends its time on.',
    unit: 'cps',
    queries: [
      {
        expr: sum(['instance', 'db_operation_name'], rate(countOf(metrics.databaseSeconds, inSqlite))),
        legend: '{{instance}} {{db_operation_name}}',
      },
    ],
  }),
  series({
    title: 'How large are the files?',
    description:
      'The database of records and its log; on Kafka only where records are in SQLite. The database grows to what retention keeps; a log far above 100 MB means that a reader does not let it be emptied.',
    unit: 'bytes',
    queries: [on('sqlite', sum(['instance', 'file'], of(metrics.databaseBytes, here)), '{{instance}} {{file}}')],
  }),
]

export const mongodb = [
  series({
    title: 'How long does a command take?',
    description:
      'p99 by command. Writes wait for the majority. Slow writes let records fall behind, but hold up no delivery; slow reads hold up what needs a template or a recipient.',
    unit: 's',
    queries: [
      on('mongodb', quantile(0.99, ['db_operation_name'], metrics.databaseSeconds, inMongo), '{{db_operation_name}}'),
    ],
    steps: most(0.25, 1),
  }),
  series({
    title: 'How many commands fail?',
    description:
      'Within five minutes, by command and kind of error. MongoNetworkError and its like are no answer: the server, or the way to it.',
    unit: 'short',
    queries: [
      on(
        'mongodb',
        sum(
          ['db_operation_name', 'error_type'],
          grown(countOf(metrics.databaseSeconds, { ...inMongo, error_type: '!=""' }), '5m'),
        ),
        '{{db_operation_name}}: {{error_type}}',
      ),
    ],
  }),
  series({
    title: 'How many connections are used?',
    description: 'By state. None idle for long: the pool is too small for the load, or the server too slow.',
    unit: 'short',
    queries: [
      on(
        'mongodb',
        sum(['db_client_connection_state'], of(metrics.databaseConnections, inMongo)),
        '{{db_client_connection_state}}',
      ),
    ],
  }),
]

export const kafkaClient = [
  series({
    title: 'How long is the way to the brokers?',
    description:
      'Round trip to the slowest broker, by client. A producer’s is part of every commit. A consumer’s includes the wait for records, half a second at most, so half a second is idle.',
    unit: 's',
    queries: [
      on('kafka', max(['client', 'quantile'], of(metrics.clientBrokerSeconds, here)), '{{client}} {{quantile}}'),
    ],
    steps: most(1, 3),
  }),
  series({
    title: 'Do records wait to be sent?',
    description:
      'In librdkafka, by client. It goes up and down with each commit; a line that stays up is a broker that does not take them.',
    unit: 'short',
    queries: [on('kafka', sum(['client'], of(metrics.clientQueued, here)), '{{client}}')],
  }),
  series({
    title: 'How much waits to be sent?',
    description: 'The same in bytes. librdkafka refuses more at its bound, and the stage waits.',
    unit: 'bytes',
    queries: [on('kafka', sum(['client'], of(metrics.clientQueuedBytes, here)), '{{client}}')],
  }),
  series({
    title: 'How much was fetched ahead?',
    description:
      'Records read from brokers and not yet given to a stage, by client; bounded. Full while the stage is busy, empty where it waits for input.',
    unit: 'short',
    queries: [on('kafka', sum(['client'], of(metrics.clientFetched, here)), '{{client}}')],
  }),
  series({
    title: 'How much goes over the wire?',
    description: 'Bytes a second to the brokers and back, of all chosen processes.',
    unit: 'Bps',
    queries: [
      on('kafka', sum([], rate(of(metrics.clientSentBytes, here))), 'sent'),
      on('kafka', sum([], rate(of(metrics.clientReceivedBytes, here))), 'received'),
    ],
  }),
  series({
    title: 'How many brokers is each client connected to?',
    description:
      'Fewer than there are is usual: a client connects where its partitions are led. 0 is a client that can do nothing.',
    unit: 'short',
    queries: [on('kafka', `min by (client) (${of(metrics.clientBrokersUp, here)})`, '{{client}}')],
  }),
  series({
    title: 'Do requests to brokers fail?',
    description:
      'Failed and unanswered requests within an hour. Some come with each restart of a broker. A steady stream: the network, or a broker that is overloaded.',
    unit: 'short',
    queries: [
      on('kafka', sum(['client'], grown(of(metrics.clientErrors, here), '1h')), '{{client}} failed'),
      on('kafka', sum(['client'], grown(of(metrics.clientTimeouts, here), '1h')), '{{client}} unanswered'),
    ],
  }),
]
