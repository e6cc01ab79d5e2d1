/** The one table of topics: which events stand on each, how it is keyed, and which lanes it has. */
import type { Events, Priority } from './events.js'

/** Lanes, first served first: one per priority. */
export const lanes = ['high', 'normal', 'low'] as const satisfies readonly Priority[]
export type Lane = (typeof lanes)[number]

/** Channels, in the order in which a notification prefers them. */
export const channels = ['email', 'sms', 'push', 'inapp', 'webhook', 'slack'] as const
export type Channel = (typeof channels)[number]

/** A topic as stages name it; on the log each lane (and channel) of it is a topic of its own. */
export interface Stream {
  readonly events: readonly (keyof Events)[]
  /** What the record's key is made of: all topics keyed by recipient have the same partition count. `none`: whoever
   *  writes there takes the key and the partition that suit him. */
  readonly key: 'recipient' | 'notification' | 'provider' | 'none'
  /** A lane of its own for each priority. */
  readonly lanes: boolean
  /** And in each lane a way of its own for each channel. */
  readonly channels: boolean
  readonly compacted: boolean
  readonly retentionMs: number
}

const day = 24 * 60 * 60 * 1000
const flow = { key: 'recipient', lanes: true, channels: false, compacted: false, retentionMs: 7 * day } as const

export const streams = {
  'notifications.inbound': { ...flow, events: ['notification-inbound'], key: 'none', lanes: false },
  'notifications.requested': { ...flow, events: ['notification-requested', 'cancel-requested'] },
  'notifications.accepted': { ...flow, events: ['notification-accepted', 'cancel-requested'] },
  'notifications.rendered': { ...flow, events: ['notification-rendered', 'cancel-requested'] },
  'deliveries.routed': { ...flow, events: ['delivery-routed', 'cancel-requested'] },
  'deliveries.released': { ...flow, events: ['delivery-released'], channels: true },
  'notifications.changed': {
    ...flow,
    events: ['notification-changed'],
    key: 'notification',
    lanes: false,
    retentionMs: day,
  },
  'notifications.status': { ...flow, events: ['notification-status'], key: 'notification', lanes: false },
  'dead-letters': {
    ...flow,
    events: ['dead-letter', 'replay-requested', 'replay-decided'],
    key: 'notification',
    lanes: false,
    retentionMs: 30 * day,
  },
  'providers.health': { ...flow, events: ['provider-health'], key: 'provider', lanes: false, compacted: true },
} as const satisfies Record<string, Stream>

export type StreamName = keyof typeof streams

/** The events that may stand on a topic. */
export type EventsOn<T extends StreamName> = (typeof streams)[T]['events'][number]

/** One way through a topic: what on the log is a topic of its own. There is one object for each: see `wayTo`. */
export interface Topic {
  readonly stream: StreamName
  readonly lane: Lane | null
  readonly channel: Channel | null
}

/** The log's name of a way: `notifications.requested.high`, `deliveries.released.sms.low`, `notifications.status`. */
export function topicName(topic: Topic): string {
  return names.get(topic) ?? composedName(topic.stream, topic.lane, topic.channel)
}

/** Every way of a topic, high lanes first. */
export function topicsOf(stream: StreamName): readonly Topic[] {
  return topics[stream]
}

/** The one object of a way. Throws for a combination that the topic does not have. */
export function topicOf(stream: StreamName, lane: Lane | null, channel: Channel | null): Topic {
  const found = topics[stream].find((topic) => topic.lane === lane && topic.channel === channel)
  if (!found) throw new RangeError(`${stream} has no way ${composedName(stream, lane, channel)}`)
  return found
}

/** The way a log's name stands for; undefined for a foreign name. */
export function topicNamed(name: string): Topic | undefined {
  return topicsByName.get(name)
}

/** Every topic's name. */
export function streamNames(): StreamName[] {
  return Object.keys(streams) as StreamName[]
}

/** Every event that stands on a topic, in the order of the flow. */
export function streamEvents(): (keyof Events)[] {
  return [...new Set(streamNames().flatMap((name): readonly (keyof Events)[] => streams[name].events))]
}

function composedName(stream: StreamName, lane: Lane | null, channel: Channel | null): string {
  return [stream, channel, lane].filter((part) => part !== null).join('.')
}

function makeTopics(stream: StreamName): readonly Topic[] {
  const { lanes: hasLanes, channels: hasChannels }: Stream = streams[stream]
  const ownLanes = hasLanes ? lanes : [null]
  const ownChannels = hasChannels ? channels : [null]
  return ownLanes.flatMap((lane) => ownChannels.map((channel) => Object.freeze({ stream, lane, channel })))
}

const topics = Object.fromEntries(streamNames().map((stream) => [stream, makeTopics(stream)])) as Record<
  StreamName,
  readonly Topic[]
>
const allTopics = streamNames().flatMap((stream) => topics[stream])
const names = new Map(allTopics.map((topic) => [topic, composedName(topic.stream, topic.lane, topic.channel)]))
const topicsByName = new Map(allTopics.map((topic) => [composedName(topic.stream, topic.lane, topic.channel), topic]))
