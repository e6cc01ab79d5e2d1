/** What happens to notifications: stages, providers, the ingress. */
import { batches, calls, counter, endToEnd, gauge, histogram, requests, short } from './metric.js'

/** What stages do. `lane` is `all` where the topic has none. */
export const stageMetrics = {
  consumed: counter(
    'messaging_client_consumed_messages_total',
    'messages',
    ['stage', 'lane'],
    'Input records settled by a commit.',
  ),
  sent: counter(
    'messaging_client_sent_messages_total',
    'messages',
    ['stage', 'messaging_destination_name', 'lane'],
    'Records written by a commit, by topic; status events and dead letters included.',
  ),
  processSeconds: histogram(
    'messaging_process_duration_seconds',
    'seconds',
    calls,
    ['stage'],
    'From giving a batch to the stage until its records are committed, once for each batch and commit.',
  ),
  operationSeconds: histogram(
    'messaging_client_operation_duration_seconds',
    'seconds',
    short,
    ['stage', 'messaging_operation_name'],
    'Time of a commit: outputs, state and positions in one transaction.',
  ),
  commitRecords: histogram(
    'carillon_stage_commit_records',
    'records',
    batches,
    ['stage'],
    'Records settled by a commit.',
  ),
  dropped: counter(
    'carillon_stage_dropped_total',
    'messages',
    ['stage', 'lane', 'reason'],
    'Records that ended here as they should.',
  ),
  deadLetters: counter(
    'carillon_stage_dead_letters_total',
    'messages',
    ['stage', 'lane', 'cause'],
    'Records given up, to be seen to by a person.',
  ),
  restarts: counter('carillon_stage_restarts_total', 'count', ['stage'], 'Restarts after a crash.'),
  running: gauge(
    'carillon_stage_running',
    'none',
    ['stage'],
    '1: it runs; 0: it starts again after a crash, or waits.',
  ),
  stillSeconds: gauge(
    'carillon_stage_still_seconds',
    'seconds',
    ['stage'],
    'Since it last committed, or found nothing to do.',
  ),
  inFlight: gauge('carillon_stage_in_flight', 'records', ['stage'], 'Records read and not settled.'),
  partitions: gauge(
    'carillon_stage_partitions',
    'count',
    ['stage'],
    'Partitions that this process owns, over all lanes.',
  ),
  rebalances: counter('carillon_stage_rebalances_total', 'count', ['stage'], 'Changes of the partitions owned.'),
  parked: gauge(
    'carillon_throttle_parked',
    'messages',
    ['until'],
    'Deliveries that throttle holds back, until a time or until their destination takes them; of each 10,000 at most are counted.',
  ),
  parkings: counter(
    'carillon_throttle_parked_total',
    'messages',
    ['channel', 'reason'],
    'Deliveries put aside by throttle, by what they wait for; once for each thing that they wait for.',
  ),
  waitSeconds: histogram(
    'carillon_throttle_wait_seconds',
    'seconds',
    endToEnd,
    ['channel', 'priority'],
    'From coming before throttle, or being due where that is later, until release.',
  ),
  restored: gauge(
    'carillon_restore_records',
    'records',
    ['stage'],
    'Records of the changelog read by the last restore of state.',
  ),
  restoreRate: gauge(
    'carillon_restore_records_per_second',
    'per second',
    ['stage'],
    'How fast the last restore of state reads.',
  ),
  restoreLeft: gauge(
    'carillon_restore_left_seconds',
    'seconds',
    ['stage'],
    'How long the last restore of state still takes, estimated.',
  ),
} as const

/** From end to end, and the providers. */
export const deliveryMetrics = {
  acceptedToProviderSeconds: histogram(
    'carillon_accepted_to_provider_seconds',
    'seconds',
    endToEnd,
    ['channel', 'priority'],
    'From acceptance, or being due where that is later, to the end of the call that the provider took it by.',
  ),
  acceptedToRecordedSeconds: histogram(
    'carillon_accepted_to_recorded_seconds',
    'seconds',
    endToEnd,
    ['priority', 'status'],
    'From acceptance, or being due where that is later, until the end of a delivery is recorded: once for each, and not for one that was stored by a process that died at once. What failed or was suppressed before it had a delivery counts as one.',
  ),
  providerSeconds: histogram(
    'carillon_provider_call_duration_seconds',
    'seconds',
    calls,
    ['provider', 'channel', 'outcome'],
    'Time of a provider call.',
  ),
  providerCalling: gauge(
    'carillon_provider_calls_in_flight',
    'count',
    ['provider'],
    'Calls under way; one that an open breaker refuses counts for 10 ms.',
  ),
  providerWaiting: gauge(
    'carillon_provider_calls_waiting',
    'messages',
    ['provider'],
    'Deliveries in line for a call in this process.',
  ),
  putBack: counter(
    'carillon_provider_put_back_total',
    'messages',
    ['provider', 'channel', 'reason'],
    'Deliveries sent back to throttle for later: transient or rate-limited answers, an open breaker.',
  ),
  breakers: gauge(
    'carillon_provider_breakers',
    'count',
    ['provider', 'state'],
    'Circuit breakers by state; a webhook provider has one for each host.',
  ),
  providerPace: gauge(
    'carillon_provider_pace_per_second',
    'per second',
    ['provider', 'channel'],
    'Messages a second that are allowed, over all processes; absent where there is no limit.',
  ),
} as const

export const ingressMetrics = {
  requestSeconds: histogram(
    'http_server_request_duration_seconds',
    'seconds',
    requests,
    ['http_request_method', 'http_route', 'http_response_status_code'],
    'Time of an HTTP request, until the answer’s head.',
  ),
  activeRequests: gauge('http_server_active_requests', 'count', [], 'Requests under way.'),
  accepted: counter(
    'carillon_ingress_accepted_total',
    'messages',
    ['priority', 'origin'],
    'Notifications accepted, by the contract they came by.',
  ),
  replayed: counter(
    'carillon_ingress_replayed_total',
    'count',
    ['origin'],
    'Requests answered from an earlier one with the same key.',
  ),
  watchers: gauge('carillon_live_watchers', 'count', ['kind'], 'Open event streams and WebSockets.'),
} as const
