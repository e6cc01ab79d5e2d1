/** What a group has committed, in one request to the broker that coordinates it: no client has to join, and none has to
 *  be kept for each group. What a transaction is about to commit is not in it yet.
 *
 *  OffsetFetch, version 2: group [topic [partition]]
 *                          → [topic [partition offset metadata error_code]] error_code */
import type { TopicPartition } from 'node-rdkafka'
import { Unavailable } from '../../../schemas/errors.js'
import type { Ask } from './broker-connection.js'
import { type Offsets, placeName } from './offsets.js'
import { protocolWriter } from './protocol.js'

const offsetFetch = { key: 9, version: 2 }

/** Offsets by `placeName`; partitions without a commit are left out. Rejects with `Unavailable`. */
export async function groupOffsets(ask: Ask, group: string, places: readonly TopicPartition[]): Promise<Offsets> {
  const body = protocolWriter()
    .string(group)
    .array([...byTopic(places)], (writer, [topic, partitions]) =>
      writer.string(topic).array(partitions, (w, partition) => w.int32(partition)),
    )
    .bytes()
  const answer = await ask(offsetFetch, body)
  const offsets = new Map<string, number>()
  answer.array(() => {
    const topic = answer.string() ?? ''
    answer.array(() => {
      const partition = answer.int32()
      const offset = answer.int64()
      answer.string()
      refuse(group, answer.int16())
      if (offset >= 0) offsets.set(placeName({ topic, partition }), offset)
    })
  })
  refuse(group, answer.int16())
  return offsets
}

function refuse(group: string, error: number): void {
  if (error !== 0) throw new Unavailable(`Kafka does not tell what ${group} has committed`)
}

function byTopic(places: readonly TopicPartition[]): ReadonlyMap<string, readonly number[]> {
  const topics = new Map<string, number[]>()
  for (const { topic, partition } of places) {
    const own = topics.get(topic)
    if (own) own.push(partition)
    else topics.set(topic, [partition])
  }
  return topics
}
