/** Polls as long as there is credit, a batch at a time: no batch is polled before the one before it is with the stage. */
import {
  concatMap,
  defer,
  EMPTY,
  finalize,
  from,
  map,
  type Observable,
  of,
  repeat,
  type SchedulerLike,
  tap,
  timer,
} from 'rxjs'
import type { EventName } from '../../schemas/avro.js'
import type { Codec } from './codec.js'
import type { LogRecord, Member } from './log.js'
import type { Mailbox } from './mailbox.js'

export interface PollOptions {
  readonly codec: Pick<Codec, 'learn'>
  readonly clock: SchedulerLike
  /** How long a batch that is not full waits for more, in milliseconds; 0 unless said. For a stage that saves work when
   *  records that belong together come together. */
  readonly lingerMs?: number
  /** Asked before each poll. True: the next record is polled only when none is unacked. */
  readonly oneByOne: () => boolean
  /** It waits for records, and holds none. */
  readonly idle: () => void
}

const pollWaitMs = 1000

/** Emits batches that can be decoded, none empty. Never completes; whoever unsubscribes leaves what is polled by then, and
 *  not emitted, to the next owner. Errors with the log's or the codec's trouble. */
export function pollWithCredit<I extends EventName>(
  member: Pick<Member, 'poll'>,
  mailbox: Mailbox<I>,
  { codec, clock, lingerMs = 0, oneByOne, idle }: PollOptions,
): Observable<readonly LogRecord[]> {
  const poll = (room: number): Observable<readonly LogRecord[]> => {
    const first = from(member.poll(room, pollWaitMs))
    return lingerMs === 0 ? first : first.pipe(concatMap((records) => withMore(records, room)))
  }
  const withMore = (records: readonly LogRecord[], room: number): Observable<readonly LogRecord[]> => {
    if (records.length === 0 || records.length >= room) return of(records)
    mailbox.setAside(records)
    return timer(lingerMs, clock).pipe(
      concatMap(() => member.poll(room - records.length, 0)),
      map((more) => [...records, ...more]),
    )
  }
  const learn = (records: readonly LogRecord[]): Observable<readonly LogRecord[]> => {
    if (records.length === 0) return EMPTY
    const learning = codec.learn(records)
    if (learning === null) return of(records)
    mailbox.setAside(records)
    return from(learning).pipe(map(() => records))
  }
  const noteIdle = (records: readonly LogRecord[]) => {
    if (records.length === 0 && mailbox.unacked === 0) idle()
  }
  return defer(() => mailbox.credit(oneByOne)).pipe(
    concatMap(poll),
    tap(noteIdle),
    concatMap(learn),
    // They are with the stage by now, or left to the next owner.
    finalize(() => mailbox.setAside([])),
    repeat(),
  )
}
