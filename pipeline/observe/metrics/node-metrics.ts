/** Node's own metrics, as prom-client names, describes and makes them (`node.ts`). */
import { counter, gauge, histogram } from './metric.js'

const thread = ['thread'] as const

/** Once for each process. Some are told on Linux only. */
export const nodeProcessMetrics = {
  cpuUser: counter('process_cpu_user_seconds_total', 'seconds', [], 'Processor time of the program.'),
  cpuSystem: counter('process_cpu_system_seconds_total', 'seconds', [], 'Processor time of the system for it.'),
  cpu: counter('process_cpu_seconds_total', 'seconds', [], 'Both.'),
  startTime: gauge('process_start_time_seconds', 'timestamp', [], 'When the process began, since the epoch.'),
  residentMemory: gauge('process_resident_memory_bytes', 'bytes', [], 'Memory that it occupies.'),
  virtualMemory: gauge('process_virtual_memory_bytes', 'bytes', [], 'Addresses that it has reserved.'),
  dataMemory: gauge('process_heap_bytes', 'bytes', [], 'Its data segment: not JavaScript’s heap.'),
  openFiles: gauge('process_open_fds', 'count', [], 'Open files and sockets.'),
  mostFiles: gauge('process_max_fds', 'count', [], 'How many it may open.'),
  nodeVersion: gauge('nodejs_version_info', 'none', ['version', 'major', 'minor', 'patch'], 'Always 1.'),
} as const

/** Once for each thread that has metrics: `main`; of `carillon start`, `http` and `engine`. */
export const nodeThreadMetrics = {
  loopLag: gauge('nodejs_eventloop_lag_seconds', 'seconds', thread, 'How late the event loop was at the last scrape.'),
  loopLagMin: gauge(
    'nodejs_eventloop_lag_min_seconds',
    'seconds',
    thread,
    'Time between ticks of a 10 ms timer since the last scrape: the least. An idle loop shows 0.01.',
  ),
  loopLagMax: gauge('nodejs_eventloop_lag_max_seconds', 'seconds', thread, 'The most.'),
  loopLagMean: gauge('nodejs_eventloop_lag_mean_seconds', 'seconds', thread, 'The mean.'),
  loopLagDeviation: gauge('nodejs_eventloop_lag_stddev_seconds', 'seconds', thread, 'The standard deviation.'),
  loopLagP50: gauge('nodejs_eventloop_lag_p50_seconds', 'seconds', thread, 'The median.'),
  loopLagP90: gauge('nodejs_eventloop_lag_p90_seconds', 'seconds', thread, '90 % were at most that.'),
  loopLagP99: gauge('nodejs_eventloop_lag_p99_seconds', 'seconds', thread, '99 % were at most that.'),
  resources: gauge(
    'nodejs_active_resources',
    'count',
    ['type', 'thread'],
    'What keeps the event loop alive: sockets, timers, requests to the system.',
  ),
  resourcesTotal: gauge('nodejs_active_resources_total', 'count', thread, 'All of them, at present.'),
  handles: gauge('nodejs_active_handles', 'count', ['type', 'thread'], 'Of these, handles.'),
  handlesTotal: gauge('nodejs_active_handles_total', 'count', thread, 'All handles, at present.'),
  requests: gauge('nodejs_active_requests', 'count', ['type', 'thread'], 'Of these, requests to the system.'),
  requestsTotal: gauge('nodejs_active_requests_total', 'count', thread, 'All requests, at present.'),
  heapTotal: gauge('nodejs_heap_size_total_bytes', 'bytes', thread, 'JavaScript’s heap.'),
  heapUsed: gauge('nodejs_heap_size_used_bytes', 'bytes', thread, 'What is used of it.'),
  externalMemory: gauge('nodejs_external_memory_bytes', 'bytes', thread, 'Buffers and the like, outside the heap.'),
  heapSpaceTotal: gauge('nodejs_heap_space_size_total_bytes', 'bytes', ['space', 'thread'], 'The heap by space.'),
  heapSpaceUsed: gauge('nodejs_heap_space_size_used_bytes', 'bytes', ['space', 'thread'], 'What is used of it.'),
  heapSpaceLeft: gauge('nodejs_heap_space_size_available_bytes', 'bytes', ['space', 'thread'], 'What is free of it.'),
  collections: histogram(
    'nodejs_gc_duration_seconds',
    'seconds',
    [0.001, 0.01, 0.1, 1, 2, 5],
    ['kind', 'thread'],
    'Garbage collections, which hold the thread up. Of several that end together one is counted.',
  ),
} as const

export const nodeMetrics = { ...nodeProcessMetrics, ...nodeThreadMetrics } as const
