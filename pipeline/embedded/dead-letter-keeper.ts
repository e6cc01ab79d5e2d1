/** Copies dead letters from their topic into the store, where they can be listed and replayed. Putting one twice
 *  changes nothing, so its place in the topic is committed after it. */
import type { DeadLetter } from '../../schemas/events.js'
import { wayName, waysOf } from '../../schemas/topics.js'
import { type Codec, PoisonError } from '../engine/codec.js'
import type { Log, LogRecord } from '../engine/log.js'
import { offsetTracker } from '../engine/offset-tracker.js'

export interface DeadLetterShelf {
  /** Keeps the letters; those that are there already stay as they are. */
  putAll(letters: readonly DeadLetter[]): Promise<void>
}

const group = 'dead-letters'
const batch = 100
const waitMs = 1000
/** After trouble with the store. */
const pauseMs = 1000

/** Runs until it is stopped. */
export function keepDeadLetters(log: Log, codec: Codec, shelf: DeadLetterShelf): { stop(): Promise<void> } {
  const joined = log.join({ group, ways: waysOf('dead-letters') })
  let stopping = false
  const finished = run()
  return {
    async stop() {
      stopping = true
      await (await joined).leave()
      await finished
    },
  }

  async function run(): Promise<void> {
    const member = await joined
    const tracker = offsetTracker(member.start)
    while (!stopping) {
      const records = await member.poll(batch, waitMs)
      if (records.length === 0) continue
      await keep(records)
      for (const record of records) tracker.settle(record)
      await member
        .commit({ outputs: [], changes: [], positions: tracker.takeMoved(), durable: false })
        .catch(() => undefined)
    }
  }

  async function keep(records: readonly LogRecord[]): Promise<void> {
    const letters = records.map((record) => readLetter(codec, record))
    while (!stopping) {
      try {
        return await shelf.putAll(letters)
      } catch {
        await new Promise((resolve) => setTimeout(resolve, pauseMs))
      }
    }
  }
}

/** What cannot be read is a dead letter of its own, with its bytes. */
function readLetter(codec: Codec, record: LogRecord): DeadLetter {
  try {
    return codec.decode(record, ['dead-letter']).value
  } catch (error) {
    if (!(error instanceof PoisonError)) throw error
    const { way, partition, offset, timestampMs, key, value, headers } = record
    const topic = wayName(way)
    return {
      id: `${topic}-${partition}-${offset}-${group}`,
      tenant: 'default',
      atMs: timestampMs,
      stage: group,
      topic,
      partition,
      offset,
      cause: error.code,
      detail: error.message,
      notificationId: null,
      key,
      value,
      headers,
      replays: 0,
    }
  }
}
