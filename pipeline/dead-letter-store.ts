/** Dead letters as a store keeps them. Reading their bytes (`decoded`) and replaying them is the caller's. */
import type { DeadLetterRecord, DeadLetters, Page } from '../ingress/ports.js'
import type { DeadLetter } from '../schemas/events.js'
import { rfc3339 } from '../stages/record/rfc3339.js'

/** A stored dead letter, with what a replay needs. */
export interface StoredDeadLetter {
  readonly record: DeadLetterRecord
  readonly letter: DeadLetter
}

export interface DeadLetterReader {
  /** Newest first, without the bytes. */
  list(query: Parameters<DeadLetters['list']>[0]): Promise<Page<DeadLetterRecord>>
  get(id: string): Promise<StoredDeadLetter | undefined>
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
