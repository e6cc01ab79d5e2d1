/** What a worker has polled and not acked: the bound of its memory, and the credit by which it polls more.
 *
 *  Invariant: `changed` emits after whatever gives credit, or ends that a record is held. */
import { defer, filter, map, type Observable, Subject, startWith, take } from 'rxjs'
import type { EventName } from '../../schemas/avro.js'
import type { InputRecord } from '../../stages/stage.js'
import type { LogRecord } from './log.js'
import { nameOf } from './topic-partition.js'

export interface MailboxOptions {
  /** Most records polled and not acked. */
  readonly mailbox: number
  /** Most bytes of their values, 8 MiB unless said; one poll may go beyond. Decoded they take some times as much. */
  readonly mailboxBytes?: number
  /** Most records in one batch. */
  readonly batch: number
}

const usualMaxBytes = 8 * 1024 * 1024
const none: readonly LogRecord[] = []

export class Mailbox<I extends EventName> {
  readonly #options: MailboxOptions
  readonly #changed = new Subject<void>()
  readonly #withStage = new Map<InputRecord<I>, LogRecord>()
  /** Records that never reach the stage, until they are among the dead letters. */
  readonly #failed = new Set<LogRecord>()
  /** Polled, and waiting a moment for more, or for their schemas. */
  #setAside: readonly LogRecord[] = none
  /** Of the values of all unacked records. */
  #bytes = 0

  constructor(options: MailboxOptions) {
    this.#options = options
  }

  /** Emits when there may be more credit, and fewer records are held. */
  get changed(): Observable<void> {
    return this.#changed
  }

  /** Records polled and not acked: with the stage, or on their way to the dead letters. */
  get unacked(): number {
    return this.#withStage.size + this.#failed.size
  }

  /** True: half of the credit is taken. */
  get isHalfFull(): boolean {
    return 2 * this.unacked >= this.#options.mailbox
  }

  /** Records with the stage. */
  get inputs(): readonly InputRecord<I>[] {
    return [...this.#withStage.keys()]
  }

  /** Emits once: how many records may be polled now, at least one, as soon as any may. `oneByOne`: asked at every change
   *  whether the next is fed only when nothing is held. */
  credit(oneByOne: () => boolean): Observable<number> {
    return defer(() =>
      this.#changed.pipe(
        startWith(undefined),
        map(() => this.#room(oneByOne())),
        filter((room) => room > 0),
        take(1),
      ),
    )
  }

  /** Polled, and not read yet. In place of those that were set aside before. */
  setAside(records: readonly LogRecord[]): void {
    const had = this.#setAside.length > 0
    this.#setAside = records
    if (had) this.#changed.next()
  }

  /** The record goes to the stage as this input. */
  take(record: LogRecord, input: InputRecord<I>): void {
    this.#withStage.set(input, record)
    this.#bytes += record.value?.length ?? 0
  }

  /** The record goes to the dead letters and never to the stage. */
  takeFailed(record: LogRecord): void {
    this.#failed.add(record)
    this.#bytes += record.value?.length ?? 0
  }

  /** What the stage was given as this input; undefined once that is acked or released. */
  sourceOf(input: InputRecord<I>): LogRecord | undefined {
    return this.#withStage.get(input)
  }

  /** Their commit is through, or another owner reads them again. `failed`: those that are among the dead letters. */
  remove(inputs: readonly InputRecord<I>[], failed: readonly LogRecord[] = []): void {
    for (const input of inputs) {
      this.#bytes -= this.#withStage.get(input)?.value?.length ?? 0
      this.#withStage.delete(input)
    }
    for (const record of failed) if (this.#failed.delete(record)) this.#bytes -= record.value?.length ?? 0
    this.#changed.next()
  }

  /** Whether a record of these topic-partitions is held, by their names. */
  holds(names: ReadonlySet<string>): boolean {
    const isOf = (record: LogRecord) => names.has(nameOf(record))
    return [...this.#withStage.values()].some(isOf) || [...this.#failed].some(isOf) || this.#setAside.some(isOf)
  }

  #room(oneByOne: boolean): number {
    const { mailbox, mailboxBytes = usualMaxBytes, batch } = this.#options
    if (oneByOne) return 1 - this.unacked
    return this.#bytes >= mailboxBytes ? 0 : Math.min(mailbox - this.unacked, batch)
  }
}
