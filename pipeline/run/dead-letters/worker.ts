/** The worker that keeps dead letters and replays them: the same on every log. */
import { streams } from '../../../schemas/streams.js'
import { deadLetters, type LetterStore } from '../../../stages/dead-letters/dead-letters.js'
import { type RunningStage, runStage, type WorkerPorts } from '../stages.js'
import { readLetter } from './read-letter.js'

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
