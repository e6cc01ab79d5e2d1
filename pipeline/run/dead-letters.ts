/** Dead letters on every log: what the ingress is given of them, and the worker that keeps and replays them. */
import type { DeadLetters } from '../../ingress/ports.js'
import type { EventName, EventOf } from '../../schemas/avro.js'
import { Unavailable } from '../../schemas/errors.js'
import type { DeadLetter, ReplayRequested } from '../../schemas/events.js'
import { replayRequested } from '../../schemas/outgoing.js'
import { streams, topicNamed } from '../../schemas/streams.js'
import { deadLetters, type LetterStore } from '../../stages/dead-letters/dead-letters.js'
import { renewal } from '../../stages/dead-letters/renewal.js'
import { type Codec, PoisonError } from '../engine/codec.js'
import type { NewRecord } from '../engine/log.js'
import type { DeadLetterReader } from '../stores/dead-letter-store.js'
import { type RunningStage, runStage, type WorkerPorts } from './stages.js'

/** `request` writes the commands to the log: see `replayRecords`. */
export function deadLetterPorts(
  letters: DeadLetterReader,
  codec: Codec,
  request: (commands: readonly ReplayRequested[]) => Promise<void>,
): DeadLetters {
  return {
    list: letters.list,
    count: letters.count,
    async get(id) {
      const found = await letters.get(id)
      return found && { ...found.record, ...(await shown(codec, found.letter)) }
    },
    requestReplays: request,
  }
}

/** The commands as the log takes them, all at once. */
export function replayRecords(codec: Codec, commands: readonly ReplayRequested[]): NewRecord[] {
  return commands.map((command) => codec.encode(replayRequested(command), command.requestedAtMs))
}

/** While nobody can say what its schema is, a letter is shown with its bytes only, and may be replayable or not. */
async function shown(codec: Codec, letter: DeadLetter) {
  try {
    const event = await readLetter(codec, letter)
    return { decoded: event?.value ?? null, replayable: event !== null && renewal(letter, event) !== null }
  } catch (error) {
    if (error instanceof Unavailable) return { decoded: null }
    throw error
  }
}

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
    return codec.decode(record, streams[topic.stream].events as readonly EventName[])
  } catch (error) {
    if (error instanceof PoisonError) return null
    throw error
  }
}

/** A record that died this often is not helped by trying again. */
const maxReplays = 5
/** A batch of commands holds as many letters in memory, each with its bytes. */
const sizes = { mailbox: 64, batch: 32 } as const

/** Its group is `dead-letters`, and it has state: on Kafka its changelog and progress topics are needed. */
export function runDeadLetters(ports: WorkerPorts, letters: LetterStore): RunningStage {
  const read = (letter: Parameters<typeof readLetter>[1]) => readLetter(ports.codec, letter)
  const memoryMs = streams['dead-letters'].retentionMs
  return runStage(deadLetters({ letters, read }, { maxReplays, memoryMs }), ports, sizes)
}
