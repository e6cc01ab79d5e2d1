/** What the ingress is given of dead letters. */
import type { DeadLetters } from '../../../ingress/ports.js'
import { Unavailable } from '../../../schemas/errors.js'
import type { DeadLetter, ReplayRequested } from '../../../schemas/events.js'
import { replayRequested } from '../../../schemas/outgoing.js'
import { renewal } from '../../../stages/dead-letters/renewal.js'
import type { Codec } from '../../engine/codec.js'
import type { NewRecord } from '../../engine/log.js'
import type { DeadLetterReader } from '../../stores/dead-letter-store.js'
import { readLetter } from './read-letter.js'

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
