/** Decodes what was polled into a batch for the stage. What was acked before this worker took over is passed by; what
 *  cannot be read, or breaks the stage again and again, goes to the dead letters. */
import { filter, map, type OperatorFunction, tap } from 'rxjs'
import type { EventName, EventOf } from '../../schemas/avro.js'
import { streams } from '../../schemas/streams.js'
import type { Batch, InputRecord, Stage } from '../../stages/stage.js'
import type { AssignedScopes } from './assigned-scopes.js'
import { type Codec, PoisonError } from './codec.js'
import type { GivenUpRecord } from './dead-letters.js'
import type { LogRecord } from './log.js'
import type { Mailbox } from './mailbox.js'
import type { OffsetTracker } from './offset-tracker.js'
import { nameOf } from './topic-partition.js'

export interface DecodeOptions<I extends EventName> {
  readonly codec: Pick<Codec, 'decode'>
  readonly input: Stage<I, EventName>['input']
  readonly mailbox: Mailbox<I>
  readonly tracker: OffsetTracker
  readonly scopes: AssignedScopes
  /** True: the record crashed the stage too often. */
  readonly isPoison: (recordId: string) => boolean
  /** Given what goes to the dead letters. */
  readonly failed: (record: GivenUpRecord) => void
  /** Told of what goes to the stage now. */
  readonly given: (records: readonly InputRecord<I>[]) => void
}

export function decodeRecords<I extends EventName>(
  options: DecodeOptions<I>,
): OperatorFunction<readonly LogRecord[], Batch<I>> {
  const { mailbox, tracker, failed } = options
  return (polled) =>
    polled.pipe(
      map((records) => {
        const batch: InputRecord<I>[] = []
        for (const record of records) {
          if (tracker.isAcked(record)) continue
          const read = decode(record, tracker.isFresh(record), options)
          if ('cause' in read) {
            mailbox.takeFailed(record)
            failed(read)
          } else {
            mailbox.take(record, read)
            batch.push(read)
          }
        }
        return { records: batch }
      }),
      filter(({ records }) => records.length > 0),
      tap(({ records }) => options.given(records)),
    )
}

function decode<I extends EventName>(
  record: LogRecord,
  firstDelivery: boolean,
  { codec, input, scopes, isPoison }: DecodeOptions<I>,
): InputRecord<I> | GivenUpRecord {
  const recordId = `${nameOf(record)}-${record.offset}`
  let decoded: EventOf<I>
  try {
    const events: readonly EventName[] = streams[input].events
    decoded = codec.decode(record, events as readonly I[])
  } catch (error) {
    if (!(error instanceof PoisonError)) throw error
    return { recordId, record, cause: error.code, detail: error.message, event: null, tell: true }
  }
  if (isPoison(recordId)) {
    const detail = 'The stage failed on this record again and again'
    return { recordId, record, cause: 'stage-crash', detail, event: decoded as EventOf<EventName>, tell: true }
  }
  const { event, value } = decoded
  const { timestampMs, headers } = record
  return { event, value, recordId, scope: scopes.of(record), timestampMs, headers, firstDelivery } as InputRecord<I>
}
