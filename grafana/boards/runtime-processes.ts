/** Panels about Node in each process, and about the scrape. */
import { metricList as metrics } from '../../pipeline/observe/metrics/list.js'
import { most, type PanelSpec, table, timeSeries } from '../panels.js'
import { chosen, foreign, max, of, rate, sum, sumOf } from '../promql.js'

const here = { instance: chosen('instance') }
const thread = ['instance', 'thread']
/** Three of them stand side by side. */
const series = (spec: PanelSpec) => timeSeries({ width: 8, ...spec })

export const processes = [
  series({
    title: 'How much processor time does each process take?',
    description:
      'Cores, by process. A stage is bound by one thread, so near 1 it is at its limit: start more of it. What is above 1 is garbage collection and Kafka’s client.',
    unit: 'short',
    decimals: 2,
    queries: [{ expr: sum(['instance'], rate(of(metrics.cpu, here))), legend: '{{instance}}' }],
    steps: most(0.8, 1),
  }),
  series({
    title: 'How much of that is the system’s?',
    description:
      'Cores in the kernel, by process: sockets and files. More than a third of the whole is unusual: slow disks, or very many small requests.',
    unit: 'short',
    decimals: 2,
    queries: [{ expr: sum(['instance'], rate(of(metrics.cpuSystem, here))), legend: '{{instance}}' }],
  }),
  series({
    title: 'Does the event loop keep up?',
    description:
      'p99 of the time between two ticks of a timer of 10 ms, by process and thread: 10 ms is idle. Above 200 ms a thread computes too long at a time; above some seconds its group takes it for dead.',
    unit: 's',
    queries: [{ expr: max(thread, of(metrics.loopLagP99, here)), legend: '{{instance}} {{thread}}' }],
    steps: most(0.2, 1),
  }),
  series({
    title: 'How much memory does each process occupy?',
    description:
      'Resident memory. Level after some hours is right; a line that only climbs is a leak: compare it with the heap. Set the container’s limit at twice its usual value.',
    unit: 'bytes',
    queries: [{ expr: max(['instance'], of(metrics.residentMemory, here)), legend: '{{instance}}' }],
  }),
  series({
    title: 'How much of it is JavaScript’s heap?',
    description:
      'Heap in use, and what lies outside it in buffers. Heap climbs: objects are kept. External climbs: buffers are, mostly of large messages.',
    unit: 'bytes',
    queries: [
      { expr: max(thread, of(metrics.heapUsed, here)), legend: '{{instance}} {{thread}} heap' },
      { expr: max(thread, of(metrics.externalMemory, here)), legend: '{{instance}} {{thread}} external' },
    ],
  }),
  series({
    title: 'How much time goes into garbage collection?',
    description:
      'Part of a thread’s time, by kind. A fifth is usual in a drain; above a half the heap is too small for the load. major ones that are many and long are a heap at its limit.',
    unit: 'percentunit',
    queries: [
      {
        expr: sum([...thread, 'kind'], rate(sumOf(metrics.collections, here))),
        legend: '{{instance}} {{thread}} {{kind}}',
      },
    ],
    steps: most(0.3, 0.5),
  }),
  series({
    title: 'How many files and sockets are open?',
    description:
      'As a part of how many may be. Climbing without end is a leak; near 100 % connections are refused: raise ulimit -n.',
    unit: 'percentunit',
    queries: [
      {
        expr: `${max(['instance'], of(metrics.openFiles, here))} / ${max(['instance'], of(metrics.mostFiles, here))}`,
        legend: '{{instance}}',
      },
    ],
    steps: most(0.5, 0.8),
  }),
  series({
    title: 'What keeps each thread busy?',
    description: 'Sockets, timers and requests to the system under way. It should follow the load and come back.',
    unit: 'short',
    queries: [{ expr: max(thread, of(metrics.resourcesTotal, here)), legend: '{{instance}} {{thread}}' }],
  }),
  series({
    title: 'How long has each process been up?',
    description:
      'A line that falls to zero is a restart. One that nobody asked for: look at its log, and at its memory before.',
    unit: 's',
    queries: [{ expr: `time() - ${max(['instance'], of(metrics.startTime, here))}`, legend: '{{instance}}' }],
  }),
]

export const scrape = [
  series({
    title: 'How long does a scrape take?',
    description:
      'By process; under 20 ms when it is idle. Longer: the thread that answers is busy, see the event loop. At the scrape’s time-out the process is missing everywhere.',
    unit: 's',
    queries: [{ expr: max(['instance'], foreign('scrape_duration_seconds', here)), legend: '{{instance}}' }],
    steps: most(0.5, 2),
  }),
  series({
    title: 'How many series does each process tell?',
    description:
      'Bounded, for no label tells of a recipient, a template or a tenant. It grows with providers, routes and, at the lag exporter, with partitions.',
    unit: 'short',
    queries: [
      { expr: max(['instance'], foreign('scrape_samples_post_metric_relabeling', here)), legend: '{{instance}}' },
    ],
  }),
  series({
    title: 'Were spans of traces dropped?',
    description:
      'Spans a second that could not be exported: the collector is away or too slow. Nothing but traces is missing.',
    unit: 'cps',
    queries: [
      {
        expr: sum(['instance'], rate(of(metrics.spansDropped, here))),
        legend: '{{instance}}',
      },
    ],
  }),
  table({
    title: 'What runs?',
    description:
      'Every process that is scraped: its version, engine and role. Two versions at once are right only during an update.',
    unit: 'none',
    columns: { job: 'Job', instance: 'Process', role: 'Role', engine: 'Engine', version: 'Version' },
    queries: [{ expr: of(metrics.build, here), legend: '' }],
  }),
]
