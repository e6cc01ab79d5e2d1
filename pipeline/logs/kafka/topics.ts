/** The topics that Carillon needs: every way, and for every group that runs a changelog for each of its lanes and one
 *  for its progress. */
import { type Stream, streamNames, streams, type Topic, topicsOf } from '../../../schemas/streams.js'
import type { WorkerName } from '../../../stages/stage.js'
import type { KafkaConfig } from '../../config/kafka.js'
import { laneOf } from '../../engine/topic-partition.js'
import { inputs } from '../../engine/topology.js'
import { maxMessageBytes } from './clients.js'
import { kafkaNames, type Names } from './names.js'

/** A topic as it should be. */
export interface WantedTopic {
  readonly name: string
  readonly partitions: number
  /** Without min.insync.replicas where that follows from the replicas. */
  readonly config: Readonly<Record<string, string>>
}

/** What an installation decides. */
export interface TopicSettings {
  /** Of every way, and of the changelogs: state belongs to a partition. */
  readonly partitions: number
  /** Null: as many as there are brokers, 3 at most. */
  readonly replicationFactor: number | null
  /** Null: one less than the topic's replicas, and at least 1. */
  readonly minInSyncReplicas: number | null
  /** How long compacted topics keep what was deleted. */
  readonly deleteRetentionMs: number
  /** How long other ways keep events; as schemas/streams.ts says unless said. */
  readonly retentionMs?: number
  readonly deadLettersRetentionMs?: number
}

/** A group and what it reads. */
export interface Reading {
  readonly group: string
  readonly topics: readonly Topic[]
  /** False: it keeps no state, and needs no changelogs. */
  readonly stateful?: boolean
}

const changelogSegmentBytes = 64 * 1024 * 1024
/** Read whole at each restore, so it is kept short. */
const progressSegmentBytes = 4 * 1024 * 1024
const progressCompactionLagMs = 60_000

/** Workers that keep no state: they have no changelogs. */
export const statelessWorkers: readonly WorkerName[] = ['intake', 'enrich-template', 'route', 'record']

/** Every topic of a whole Carillon as it should be. */
export function carillonTopics(kafka: KafkaConfig): readonly WantedTopic[] {
  const readings = Object.entries(inputs).map(([group, input]) => ({
    group,
    topics: topicsOf(input),
    stateful: !statelessWorkers.some((name) => name === group),
  }))
  return wantedTopics(kafkaNames(kafka.prefix), kafka, streamNames().flatMap(topicsOf), readings)
}

/** Every topic of these ways and groups. */
export function wantedTopics(
  names: Names,
  settings: TopicSettings,
  topics: readonly Topic[],
  readings: readonly Reading[],
): readonly WantedTopic[] {
  const { partitions } = settings
  const wanted = topics.map((topic) => ({
    name: names.nameOf(topic),
    partitions,
    config: topicConfig(topic, settings),
  }))
  const changelogs = readings
    .filter(({ stateful = true }) => stateful)
    .flatMap(({ group, topics: own }) =>
      [...new Set(own.map(laneOf))].map((lane) => ({
        name: names.changelog(group, lane),
        partitions,
        config: compacted(settings, { 'segment.bytes': String(changelogSegmentBytes) }),
      })),
    )
  const progress = readings.map(({ group }) => ({
    name: names.progress(group),
    partitions: 1,
    config: compacted(settings, {
      'segment.bytes': String(progressSegmentBytes),
      'min.cleanable.dirty.ratio': '0.05',
      'max.compaction.lag.ms': String(progressCompactionLagMs),
    }),
  }))
  return [...wanted, ...changelogs, ...progress]
}

function topicConfig(topic: Topic, settings: TopicSettings): Record<string, string> {
  const { compacted: isCompacted, retentionMs }: Stream = streams[topic.stream]
  if (isCompacted) return compacted(settings, {})
  const own = topic.stream === 'dead-letters' ? settings.deadLettersRetentionMs : settings.retentionMs
  return { ...common(settings), 'cleanup.policy': 'delete', 'retention.ms': String(own ?? retentionMs) }
}

function compacted(settings: TopicSettings, more: Readonly<Record<string, string>>): Record<string, string> {
  return {
    ...common(settings),
    'cleanup.policy': 'compact',
    'delete.retention.ms': String(settings.deleteRetentionMs),
    ...more,
  }
}

function common({ minInSyncReplicas }: TopicSettings): Record<string, string> {
  return {
    ...(minInSyncReplicas === null ? {} : { 'min.insync.replicas': String(minInSyncReplicas) }),
    'max.message.bytes': String(maxMessageBytes),
    // A record carries the time of its notification, which a broker's clock may not have reached yet.
    'message.timestamp.after.max.ms': '9223372036854775807',
  }
}
