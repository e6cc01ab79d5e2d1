/** Dead letters as a store keeps them. Reading their bytes (`decoded`) and replaying them is the caller's. */
import type { DeadLetterCount, DeadLetterRecord, DeadLetters } from '../../ingress/ports.js'
import type { DeadLetter } from '../../schemas/events.js'
import { rfc3339 } from '../../stages/record/rfc3339.js'

/** A stored dead letter, with what a replay needs. */
export interface StoredDeadLetter {
  readonly record: DeadLetterRecord
  readonly letter: DeadLetter
}

/** `list` leaves out the bytes. */
export interface DeadLetterReader extends Pick<DeadLetters, 'list' | 'count'> {
  get(id: string): Promise<StoredDeadLetter | undefined>
}

/** The count that groups make, of which `most` letters were looked at. */
export function deadLetterCount(groups: DeadLetterCount['groups'], most: number): DeadLetterCount {
  const counted = groups.reduce((sum, { count }) => sum + count, 0)
  const byCount = (a: (typeof groups)[number], b: (typeof groups)[number]) =>
    b.count - a.count || compare(a.stage, b.stage) || compare(a.cause, b.cause)
  return { groups: [...groups].sort(byCount), complete: counted < most }
}

/** What is shown of a letter; without its bytes where the value is left out. */
export function deadLetterRecord(
  letter: Omit<DeadLetter, 'key' | 'value'>,
  status: DeadLetterRecord['status'],
  value: Uint8Array | null = null,
): DeadLetterRecord {
  const { id, atMs, stage, topic, partition, offset, cause, detail, notificationId, replays, headers } = letter
  return {
    id,
    at: rfc3339(atMs),
    stage,
    topic,
    partition,
    offset,
    cause,
    detail,
    ...(notificationId !== null && { notificationId }),
    replays,
    status,
    headers,
    ...(value && { valueBase64: Buffer.from(value).toString('base64') }),
  }
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
