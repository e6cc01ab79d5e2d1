/** One life of a stage: from joining the group to a crash, or to the end of a drain. It polls, decodes, gives the records to
 *  the stage, and commits the stage's steps in turn.
 *
 *  Invariants: no more than `mailbox` records are polled and unacked; commits follow each other, each with every
 *  part that is ready; after a failure nothing more is committed, so the next life starts from the last commit. */
import {
  BehaviorSubject,
  filter,
  finalize,
  firstValueFrom,
  lastValueFrom,
  merge,
  type Observable,
  type SchedulerLike,
  Subject,
  takeUntil,
} from 'rxjs'
import type { EventName } from '../../schemas/avro.js'
import type { Topic } from '../../schemas/streams.js'
import { type InputRecord, type Scope, type Stage, type StageContext, StageCrash } from '../../stages/stage.js'
import { assignedScopes } from './assigned-scopes.js'
import { buildTransaction, type Part } from './build-transaction.js'
import type { Codec } from './codec.js'
import { commitInTurn, Uncommitted } from './commit-in-turn.js'
import { type CommitSpacing, commitSpacing } from './commit-spacing.js'
import type { GivenUpRecord } from './dead-letters.js'
import { decodeRecords } from './decode-records.js'
import type { Assignment, Log, Member } from './log.js'
import { Mailbox, type MailboxOptions } from './mailbox.js'
import { type OffsetTracker, offsetTracker } from './offset-tracker.js'
import { pollWithCredit } from './poll-with-credit.js'
import { type StateView, stateView } from './state-view.js'
import { nameOf } from './topic-partition.js'
import type { AnyInput, WorkerObserver } from './worker-observer.js'

export interface ConsumerLoopOptions<I extends EventName, O extends EventName> extends MailboxOptions {
  readonly stage: Stage<I, O>
  readonly log: Log
  readonly topics: readonly Topic[]
  readonly codec: Codec
  readonly clock: SchedulerLike
  /** At least 0, less than 1. */
  readonly random: () => number
  /** How long a batch that is not full waits for more, in milliseconds; 0 unless said. For a stage that saves work when
   *  records that belong together come together. */
  readonly lingerMs?: number
  /** Where commits cost by the commit: how far apart they begin at least, in milliseconds, while they ack many records;
   *  a trickle waits for nothing. 0 unless said. */
  readonly commitEveryMs?: number
  readonly observer?: WorkerObserver
}

/** What the worker decides for its consumer loops. */
export interface Supervision {
  /** True: the record crashed the stage too often and goes to the dead letters. */
  isPoison(recordId: string): boolean
  /** True: records are fed one by one, to find the one that breaks the stage. */
  isBisecting(): boolean
  /** A commit succeeded that acked so many records. */
  acked(count: number): void
  /** It waits for records, and holds none. */
  idle(): void
}

export class ConsumerLoop<I extends EventName, O extends EventName> {
  /** Resolves after a drain; rejects with what broke. */
  readonly finished: Promise<void>
  readonly #options: ConsumerLoopOptions<I, O>
  readonly #supervision: Supervision
  readonly #mailbox: Mailbox<I>
  readonly #uncommitted = new Uncommitted<Part<I, O>>()
  readonly #scopes = assignedScopes()
  readonly #spacing: CommitSpacing
  readonly #revoked = new Subject<readonly Scope[]>()
  /** These keep their value: whoever begins to wait later is told too. */
  readonly #draining = new BehaviorSubject(false)
  readonly #abandoned = new BehaviorSubject(false)
  readonly #over = new BehaviorSubject(false)

  constructor(options: ConsumerLoopOptions<I, O>, supervision: Supervision) {
    this.#options = options
    this.#supervision = supervision
    this.#mailbox = new Mailbox(options)
    this.#spacing = commitSpacing(options.commitEveryMs ?? 0, options.clock)
    this.finished = this.#run()
  }

  /** Records polled and not acked: with the stage, or on their way to the dead letters. */
  get unacked(): number {
    return this.#mailbox.unacked
  }

  /** Pulls no more; ends when the stage has finished what it holds and it is committed. */
  drain(): void {
    this.#draining.next(true)
  }

  /** Ends without waiting for the stage; what it holds is read again later. */
  abandon(): void {
    this.drain()
    this.#abandoned.next(true)
  }

  async #run(): Promise<void> {
    const { stage, log, topics, observer } = this.#options
    const member = await log.join({ group: stage.name, topics })
    const tracker = offsetTracker(member.start)
    const assignments = member.assignments.subscribe((now) => {
      this.#scopes.assign(now)
      observer?.assigned?.(now)
    })
    member.onRevoke((revoked) => this.#giveBack(revoked, tracker))
    let failure: { readonly error: unknown } | null = null
    try {
      await lastValueFrom(this.#flow(member, tracker, stateView(member)), { defaultValue: undefined })
    } catch (error) {
      failure = { error: this.#blamed(error) }
    }
    this.#over.next(true)
    assignments.unsubscribe()
    try {
      observer?.left?.(this.#mailbox.inputs as readonly AnyInput[], failure?.error ?? null)
    } finally {
      await member.leave()
    }
    if (failure) throw failure.error
  }

  #flow(member: Member, tracker: OffsetTracker, state: StateView): Observable<never> {
    const { stage, codec, clock, lingerMs = 0, observer } = this.#options
    const { isPoison, isBisecting, idle } = this.#supervision
    const [mailbox, scopes] = [this.#mailbox, this.#scopes]
    const failed = new Subject<GivenUpRecord>()
    const steps = pollWithCredit(member, mailbox, { codec, clock, lingerMs, oneByOne: isBisecting, idle }).pipe(
      takeUntil(isTrue(this.#draining)),
      decodeRecords({
        codec,
        input: stage.input,
        mailbox,
        tracker,
        scopes,
        isPoison,
        failed: (record) => failed.next(record),
        given: (batch) => observer?.given?.(batch as readonly AnyInput[]),
      }),
      stage.operator(this.#context(state)),
      takeUntil(isTrue(this.#abandoned)),
      finalize(() => failed.complete()),
    )
    const commit = (parts: readonly Part<I, O>[]) => this.#commit(parts, member, tracker, state)
    const mayBegin = (changed: Observable<unknown>, isOver: () => boolean) =>
      this.#spacing.passed(merge(changed, this.#draining), () => isOver() || mailbox.isHalfFull || this.#draining.value)
    return merge(failed, steps).pipe(commitInTurn(this.#uncommitted, { commit, mayBegin }))
  }

  #context(state: StateView): StageContext {
    const { clock, random, log, observer } = this.#options
    return {
      clock,
      random,
      scopes: () => this.#scopes.now(),
      state: state.in,
      takeChanges: state.takeChanges,
      share: () => this.#scopes.partitions() / log.partitions,
      revoked: this.#revoked,
      release: (records) => {
        this.#mailbox.remove(records as readonly InputRecord<I>[])
        observer?.left?.(records as readonly AnyInput[], null)
      },
    }
  }

  async #commit(parts: readonly Part<I, O>[], member: Member, tracker: OffsetTracker, state: StateView): Promise<void> {
    const { stage, codec, clock, observer } = this.#options
    const sourceOf = (input: InputRecord<I>) => this.#mailbox.sourceOf(input)
    const built = buildTransaction(parts, sourceOf, stage.name, codec, clock.now())
    const { outputs, changes, acked } = built
    for (const record of acked) tracker.ack(record)
    const startedMs = performance.now()
    this.#spacing.began(acked.length)
    await member.commit({ outputs, changes, positions: tracker.takeMoved(), durable: stage.durable })
    const commitMs = performance.now() - startedMs
    state.forget(changes)
    const steps = parts.flatMap((part) => ('recordId' in part ? [] : [part]))
    const failed = parts.flatMap((part) => ('recordId' in part ? [part.record] : []))
    for (const { committed } of steps) committed?.()
    observer?.committed?.({ ...built, commitMs })
    this.#supervision.acked(acked.length)
    this.#mailbox.remove(
      steps.flatMap((step) => step.acked),
      failed,
    )
  }

  /** Resolves when nothing of these partitions is unacked, nor any change of their state on its way; at the latest when
   *  this life is over. */
  async #giveBack(revoked: readonly Assignment[], tracker: OffsetTracker): Promise<void> {
    this.#revoked.next(this.#scopes.leave(revoked))
    const names = new Set(revoked.map(nameOf))
    const partitions = new Set(revoked.map(({ partition }) => partition))
    const changes = (part: Part<I, O>) =>
      'changes' in part && part.changes.some(({ scope }) => partitions.has(scope.partition))
    const isHeld = () => this.#mailbox.holds(names) || this.#uncommitted.some(changes)
    const news = merge(this.#mailbox.changed, this.#uncommitted.changed, this.#over)
    await firstValueFrom(news.pipe(filter(() => this.#over.value || !isHeld())))
    tracker.forget(revoked)
    this.#scopes.forget(revoked)
  }

  /** A failure while a single record was in hand is that record's. */
  #blamed(error: unknown): unknown {
    const [only, ...others] = this.#mailbox.inputs
    const certain = only !== undefined && others.length === 0 && !isOutsideTrouble(error)
    return certain && !(error instanceof StageCrash) ? new StageCrash(only.recordId, error) : error
  }
}

/** Emits once the subject is true, at once where it is already. */
function isTrue(subject: BehaviorSubject<boolean>): Observable<boolean> {
  return subject.pipe(filter(Boolean))
}

/** Codes of errors that are no record's fault. */
const outsideTrouble: ReadonlySet<unknown> = new Set(['unavailable', 'storage-full', 'fenced'])

/** True for trouble of the log, the store or the group, also where a stage met it at some record. */
export function isOutsideTrouble(error: unknown): boolean {
  if (error instanceof StageCrash) return isOutsideTrouble(error.cause)
  return typeof error === 'object' && error !== null && 'code' in error && outsideTrouble.has(error.code)
}
