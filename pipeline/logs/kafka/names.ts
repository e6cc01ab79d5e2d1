/** What Carillon's topics, groups and clients are called on Kafka. */
import type { Lane, Topic } from '../../../schemas/streams.js'
import { topicName, topicNamed } from '../../../schemas/streams.js'

/** All names of one Carillon. A prefix keeps several apart on one Kafka. */
export interface Names {
  /** A topic's name on this Kafka. */
  nameOf(topic: Topic): string
  /** The topic of a name; undefined for a foreign one. */
  topicNamed(name: string): Topic | undefined
  /** The changes of a group's state in a lane, compacted. */
  changelog(group: string, lane: Lane): string
  /** What a group acked out of order, compacted; one partition. */
  progress(group: string): string
  /** The consumer group. */
  group(group: string): string
  /** A producer's, or a static member's; `slot` is unique among those of its group that run. */
  member(group: string, slot: string): string
}

/** `prefix` stands before every name: empty unless said. */
export function kafkaNames(prefix = ''): Names {
  const topics = new Map<string, Topic | undefined>()
  return {
    nameOf: (topic) => `${prefix}${topicName(topic)}`,
    topicNamed(name) {
      if (!topics.has(name))
        topics.set(name, name.startsWith(prefix) ? topicNamed(name.slice(prefix.length)) : undefined)
      return topics.get(name)
    },
    changelog: (group, lane) => `${prefix}changelog.${group}.${lane}`,
    progress: (group) => `${prefix}progress.${group}`,
    group: (group) => `${prefix}carillon.${group}`,
    member: (group, slot) => `${prefix}carillon-${group}-${slot}`,
  }
}
