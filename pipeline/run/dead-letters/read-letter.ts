/** Reads the record that a dead letter holds. */
import type { EventName, EventOf } from '../../../schemas/avro.js'
import type { DeadLetter } from '../../../schemas/events.js'
import { streams, topicNamed } from '../../../schemas/streams.js'
import { type Codec, PoisonError } from '../../engine/codec.js'

/** What the letter's record says; null where its bytes cannot be read. Rejects with `Unavailable` while nobody can say
 *  what its schema is. */
export async function readLetter(
  codec: Codec,
  letter: Pick<DeadLetter, 'topic' | 'key' | 'value' | 'headers'>,
): Promise<EventOf<EventName> | null> {
  const topic = topicNamed(letter.topic)
  if (!topic) return null
  const { key, value, headers } = letter
  const record = { topic, key, value, headers, timestampMs: 0, partition: 0, offset: 0 }
  try {
    await codec.learn([record])
    return codec.decode(record, streams[topic.topic].events as readonly EventName[])
  } catch (error) {
    if (error instanceof PoisonError) return null
    throw error
  }
}
