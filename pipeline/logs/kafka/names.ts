/** What Carillon's topics, groups and clients are called on Kafka. */
import type { Lane, Way } from '../../../schemas/topics.js'
import { wayName, wayNamed } from '../../../schemas/topics.js'

/** All names of one Carillon. A prefix keeps several apart on one Kafka. */
export interface Names {
  /** The topic of a way. */
  topic(way: Way): string
  /** The way of a topic. */
  way(topic: string): Way | undefined
  /** The changes of a group's state in a lane, compacted. */
  changelog(group: string, lane: Lane): string
  /** What a group settled out of order, compacted; one partition. */
  progress(group: string): string
  /** The consumer group. */
  group(group: string): string
  /** A producer's, or a static member's; `slot` is unique among those of its group that run. */
  member(group: string, slot: string): string
}

/** `prefix` stands before every name: empty unless said. */
export function kafkaNames(prefix = ''): Names {
  const ways = new Map<string, Way | undefined>()
  return {
    topic: (way) => `${prefix}${wayName(way)}`,
    way(topic) {
      if (!ways.has(topic)) ways.set(topic, topic.startsWith(prefix) ? wayNamed(topic.slice(prefix.length)) : undefined)
      return ways.get(topic)
    },
    changelog: (group, lane) => `${prefix}changelog.${group}.${lane}`,
    progress: (group) => `${prefix}progress.${group}`,
    group: (group) => `${prefix}carillon.${group}`,
    member: (group, slot) => `${prefix}carillon-${group}-${slot}`,
  }
}
