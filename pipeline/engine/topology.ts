/** The topology as a value: which stage reads and writes which topics. The console, the command line and
 *  GET /v1/topology show it; what keys and lanes a topic has comes from schemas/streams.ts. */
import type { Events } from '../../schemas/events.js'
import {
  type Lane,
  lanes,
  type Stream,
  type StreamName,
  streamNames,
  streams,
  topicName,
  topicsOf,
} from '../../schemas/streams.js'
import type { StageName, WorkerName } from '../../stages/stage.js'

/** One stage, or what stands before the first. */
export interface TopologyStage {
  readonly name: StageName | 'ingress' | 'intake'
  /** The group whose members share the input's partitions; null for the ingress. */
  readonly group: string | null
  /** Null for the ingress: its input is HTTP. */
  readonly input: StreamName | null
  /** Read whole by every process beside the input, in no group. */
  readonly alsoReads: readonly StreamName[]
  readonly outputs: readonly StreamName[]
  /** What it writes to that is no topic. */
  readonly writesTo: string | null
  /** One line: what it decides. */
  readonly does: string
}

/** One stream, as the log has it. */
export interface TopologyTopic {
  readonly name: StreamName
  readonly events: readonly (keyof Events)[]
  readonly key: Stream['key']
  /** First served first; empty where the topic has none. */
  readonly lanes: readonly Lane[]
  /** Its topics' names. The field keeps the name that it has always had in GET /v1/topology. */
  readonly ways: readonly string[]
  readonly compacted: boolean
  readonly retentionMs: number
}

export interface Topology {
  readonly stages: readonly TopologyStage[]
  readonly topics: readonly TopologyTopic[]
}

/** What each worker reads; its group has its name. */
export const inputs: Readonly<Record<WorkerName, StreamName>> = {
  intake: 'notifications.inbound',
  dedupe: 'notifications.requested',
  'enrich-template': 'notifications.accepted',
  route: 'notifications.rendered',
  throttle: 'deliveries.routed',
  deliver: 'deliveries.released',
  record: 'notifications.status',
  'dead-letters': 'dead-letters',
}

/** Every worker, in the order of the flow. */
export const workerNames = Object.keys(inputs) as readonly WorkerName[]

const aside = ['notifications.status', 'dead-letters'] as const

const stages: readonly TopologyStage[] = [
  {
    ...{ name: 'ingress', group: null, input: null, alsoReads: ['notifications.changed'], writesTo: null },
    outputs: ['notifications.requested'],
    does: 'takes notifications over HTTP and answers when they are durable',
  },
  stage(
    'intake',
    'notifications.inbound',
    ['notifications.requested'],
    'checks what upstreams write to Kafka, within the ingress',
  ),
  stage('dedupe', 'notifications.requested', ['notifications.accepted'], 'drops a twin seen within the window'),
  stage(
    'enrich-template',
    'notifications.accepted',
    ['notifications.rendered'],
    'joins the recipient and renders each channel',
  ),
  stage('route', 'notifications.rendered', ['deliveries.routed'], 'picks channels and providers, a delivery for each'),
  {
    ...stage('throttle', 'deliveries.routed', ['deliveries.released'], 'holds back what is not due or over a limit'),
    alsoReads: ['providers.health'],
  },
  stage(
    'deliver',
    'deliveries.released',
    ['deliveries.routed', 'providers.health'],
    'calls the provider, retries through throttle',
  ),
  {
    ...stage('record', 'notifications.status', [], 'merges status events into one record per notification'),
    outputs: ['notifications.changed', 'dead-letters'],
    writesTo: 'the record store',
  },
]

/** The whole topology. */
export function topology(): Topology {
  return { stages, topics: streamNames().map(describe) }
}

/** For a terminal: each stage with its way in and out, then the topics. */
export function topologyText({ stages, topics }: Topology): string {
  const flow = stages.map(({ name, input, alsoReads, outputs, writesTo, does }) =>
    [
      `${name}: ${does}`,
      `  reads   ${[input ?? 'HTTP', ...alsoReads].join(', ')}`,
      `  writes  ${[...outputs, ...(writesTo === null ? [] : [writesTo])].join(', ')}`,
    ].join('\n'),
  )
  const table = topics.map(({ name, key, ways, lanes, events }) =>
    [
      name,
      `  key ${key}, ${ways.length} way${ways.length === 1 ? '' : 's'}${lanes.length === 0 ? '' : `, lanes ${lanes.join(', ')}`}`,
      `  ${events.join(', ')}`,
    ].join('\n'),
  )
  return [...flow, '', ...table, ''].join('\n')
}

/** A Mermaid flowchart: stages as boxes, topics as pipes. Dead letters are left out, for every stage writes them. */
export function topologyMermaid({ stages, topics }: Topology): string {
  const shown = topics.filter(({ name }) => name !== 'dead-letters')
  const lines = [
    'flowchart LR',
    ...shown.map(({ name }) => `  ${idOf(name)}[/"${name}"/]`),
    ...stages.map(({ name }) => `  ${idOf(name)}["${name}"]`),
    '  records[("record store")]',
    ...stages.flatMap(({ name, input, alsoReads, outputs, writesTo }) => [
      ...(input === null ? [] : [`  ${idOf(input)} --> ${idOf(name)}`]),
      ...alsoReads.map((topic) => `  ${idOf(topic)} -.-> ${idOf(name)}`),
      ...outputs.filter((topic) => topic !== 'dead-letters').map((topic) => `  ${idOf(name)} --> ${idOf(topic)}`),
      ...(writesTo === null ? [] : [`  ${idOf(name)} --> records`]),
    ]),
  ]
  return `${lines.join('\n')}\n`
}

function stage(
  name: StageName | 'intake',
  input: StreamName,
  outputs: readonly StreamName[],
  does: string,
): TopologyStage {
  return { name, group: name, input, alsoReads: [], outputs: [...outputs, ...aside], writesTo: null, does }
}

function describe(name: StreamName): TopologyTopic {
  const { events, key, lanes: hasLanes, compacted, retentionMs }: Stream = streams[name]
  const ways = topicsOf(name).map(topicName)
  return { name, events, key, lanes: hasLanes ? lanes : [], ways, compacted, retentionMs }
}

/** Mermaid's ids may not hold dots or hyphens, and `end` would be a keyword. */
function idOf(name: string): string {
  return name.replaceAll(/[.-]/g, '_')
}
