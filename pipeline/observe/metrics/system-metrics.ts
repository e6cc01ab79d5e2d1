/** What Carillon stands on. */
import { counter, gauge, histogram, short } from './metric.js'

/** Databases and Kafka's client. */
export const storeMetrics = {
  databaseSeconds: histogram(
    'db_client_operation_duration_seconds',
    'seconds',
    short,
    ['db_system_name', 'db_operation_name', 'error_type'],
    'Time of a command of MongoDB; of SQLite, of a commit, a read for a request, a write of local state. error_type is empty where it went well.',
  ),
  databaseConnections: gauge(
    'db_client_connection_count',
    'count',
    ['db_system_name', 'db_client_connection_state'],
    'Connections to MongoDB, idle and used.',
  ),
  databaseBytes: gauge('carillon_sqlite_file_bytes', 'bytes', ['file'], 'Size of the database file, and of its log.'),
  clientBrokerSeconds: gauge(
    'rdkafka_broker_rtt_seconds',
    'seconds',
    ['client', 'quantile'],
    'Round trip to the slowest broker since the last statistics; a consumer’s includes the wait for records, half a second at most.',
  ),
  clientQueued: gauge('rdkafka_queue_messages', 'messages', ['client'], 'Records that wait in librdkafka to be sent.'),
  clientQueuedBytes: gauge('rdkafka_queue_bytes', 'bytes', ['client'], 'Their size.'),
  clientFetched: gauge(
    'rdkafka_fetch_queue_messages',
    'messages',
    ['client'],
    'Records that librdkafka has fetched ahead.',
  ),
  clientSentBytes: counter('rdkafka_sent_bytes_total', 'bytes', ['client'], 'Sent to brokers.'),
  clientReceivedBytes: counter('rdkafka_received_bytes_total', 'bytes', ['client'], 'Received from brokers.'),
  clientErrors: counter('rdkafka_request_errors_total', 'count', ['client'], 'Requests to brokers that failed.'),
  clientTimeouts: counter(
    'rdkafka_request_timeouts_total',
    'count',
    ['client'],
    'Requests to brokers that were not answered in time.',
  ),
  clientBrokersUp: gauge(
    'rdkafka_brokers_up',
    'count',
    ['client'],
    'Brokers that a client of this process has a connection to.',
  ),
} as const

export const processMetrics = {
  build: gauge('carillon_build_info', 'none', ['version', 'engine', 'role'], 'Always 1: what this process is.'),
  spansDropped: counter('carillon_trace_spans_dropped_total', 'count', [], 'Spans that were not exported.'),
} as const
