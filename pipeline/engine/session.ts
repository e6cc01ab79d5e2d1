/** One life of a stage: from joining the group to a crash, or to the end of a drain.
 *
 *  Invariants: no more than `mailbox` records are polled and unacked; commits follow each other, each with every
 *  part that is ready; after a failure nothing more is committed, so the next life starts from the last commit. */
import { filter, firstValueFrom, map, type Observable, race, Subject, timer } from 'rxjs'
import type { EventName, EventOf } from '../../schemas/avro.js'
import { streams } from '../../schemas/streams.js'
import { type Batch, type InputRecord, type Scope, StageCrash } from '../../stages/stage.js'
import { PoisonError } from './codec.js'
import { type CommitSpacing, commitSpacing } from './commit-spacing.js'
import type { Burial } from './dead-letters.js'
import { gather, type Part } from './gather.js'
import type { Assignment, LogRecord, Member } from './log.js'
import { type OffsetTracker, offsetTracker } from './offset-tracker.js'
import { isOutsideTrouble } from './outside-trouble.js'
import { ownedScopes } from './owned-scopes.js'
import { nameOf } from './place.js'
import { type StateView, stateView } from './state-view.js'
import type { Supervision } from './supervision.js'
import type { AnyInput, WorkerOptions } from './worker.js'

const pollWaitMs = 1000
const mailboxBytesByDefault = 8 * 1024 * 1024

export class Session<I extends EventName, O extends EventName> {
  /** Resolves after a drain; rejects with what broke. */
  readonly finished: Promise<void>
  readonly #options: WorkerOptions<I, O>
  readonly #supervision: Supervision
  readonly #input = new Subject<Batch<I>>()
  readonly #inFlight = new Map<InputRecord<I>, LogRecord>()
  /** Records that never reach the stage, until they are buried. */
  readonly #burials = new Set<LogRecord>()
  /** Something changed that one of the two loops may wait for. */
  readonly #changed = new Subject<void>()
  readonly #scopes = ownedScopes()
  readonly #spacing: CommitSpacing
  readonly #revoked = new Subject<readonly Scope[]>()
  /** Polled, and waiting a moment for more, or for their schemas. */
  #lingering: readonly LogRecord[] = []
  #ready: Part<I, O>[] = []
  #committing: readonly Part<I, O>[] = []
  /** Of the values of all unacked records. */
  #bytes = 0
  #draining = false
  #completed = false
  #failure: { readonly error: unknown } | null = null

  constructor(options: WorkerOptions<I, O>, supervision: Supervision) {
    this.#options = options
    this.#supervision = supervision
    this.#spacing = commitSpacing(options.commitEveryMs ?? 0, options.clock)
    this.finished = this.#run()
  }

  /** Records polled and not acked: with the stage, or on their way to the dead letters. */
  get unacked(): number {
    return this.#inFlight.size + this.#burials.size
  }

  /** Pulls no more; ends when the stage has finished what it holds and it is committed. */
  drain(): void {
    this.#draining = true
    this.#changed.next()
  }

  /** Ends without waiting for the stage; what it holds is read again later. */
  abandon(): void {
    this.#completed = true
    this.drain()
  }

  async #run(): Promise<void> {
    const { stage, log, topics, clock, random } = this.#options
    const member = await log.join({ group: stage.name, topics })
    const tracker = offsetTracker(member.start)
    const state = stateView(member)
    const assignments = member.assignments.subscribe((now) => {
      this.#scopes.assign(now)
      this.#options.observer?.assigned?.(now)
    })
    member.onRevoke(async (revoked) => {
      this.#revoked.next(this.#scopes.leave(revoked))
      await this.#finish(revoked)
      tracker.forget(revoked)
      this.#scopes.forget(revoked)
    })
    const scopes = () => this.#scopes.now()
    const share = () => this.#scopes.partitions() / log.partitions
    const release = (records: readonly unknown[]) => this.#release(records as readonly InputRecord<I>[])
    const { takeChanges } = state
    const context = { clock, random, scopes, state: state.in, takeChanges, share, revoked: this.#revoked, release }
    const steps = this.#input.pipe(stage.operator(context)).subscribe({
      next: (step) => this.#push(step),
      error: (error: unknown) => this.#fail(error),
      complete: () => {
        this.#completed = true
        this.#changed.next()
      },
    })
    try {
      const pulling = this.#pull(member, tracker).catch((error: unknown) => this.#fail(error))
      await Promise.all([pulling, this.#commitAll(member, tracker, state)])
    } finally {
      steps.unsubscribe()
      assignments.unsubscribe()
      if (this.#failure) this.#failure = { error: this.#blamed(this.#failure.error) }
      try {
        this.#options.observer?.left?.([...this.#inFlight.keys()] as readonly AnyInput[], this.#failure?.error ?? null)
      } finally {
        await member.leave()
      }
    }
    if (this.#failure) throw this.#failure.error
  }

  /** A failure while a single record was in hand is that record's. */
  #blamed(error: unknown): unknown {
    const [only] = this.#inFlight.keys()
    const certain = only !== undefined && this.#inFlight.size === 1 && !isOutsideTrouble(error)
    return certain && !(error instanceof StageCrash) ? new StageCrash(only.recordId, error) : error
  }

  async #pull(member: Member, tracker: OffsetTracker): Promise<void> {
    const { lingerMs = 0, clock } = this.#options
    while (!this.#draining && !this.#failure) {
      const room = this.#room()
      if (room <= 0) {
        await this.#change()
        continue
      }
      const records = await this.#poll(member, room, pollWaitMs)
      if (lingerMs > 0 && records.length > 0 && records.length < room) {
        this.#lingering = records
        await firstValueFrom(timer(lingerMs, clock))
        records.push(...(await this.#poll(member, room - records.length, 0)))
      }
      const readable = await this.#learn(records)
      this.#lingering = []
      if (readable) {
        const unacked = records.filter((record) => !tracker.isAcked(record))
        this.#feed(unacked, tracker)
      } else this.#changed.next()
    }
    this.#input.complete()
  }

  #room(): number {
    const { mailbox, batch } = this.#options
    if (this.#supervision.isCautious()) return 1 - this.unacked
    if (this.#bytes >= (this.#options.mailboxBytes ?? mailboxBytesByDefault)) return 0
    return Math.min(mailbox - this.unacked, batch)
  }

  /** What is polled while a drain or a failure begins is left for the next owner. */
  async #poll(member: Member, room: number, waitMs: number): Promise<LogRecord[]> {
    const broken = this.#broken().pipe(map((): readonly LogRecord[] => []))
    const poll = member.poll(room, waitMs).catch((error: unknown): readonly LogRecord[] => {
      this.#fail(error)
      return []
    })
    // Whichever loses is let go: a stage that idles for a year has made no more subscriptions than one.
    const records = await firstValueFrom(race(broken, poll))
    if (this.#draining || this.#failure) return []
    if (records.length === 0 && this.unacked === 0) this.#supervision.idle()
    return [...records]
  }

  /** Has the codec learn what it needs to read these. False: a drain or a failure came first, and the records are left
   *  for the next owner. Rejects while nobody can tell: the next session tries again. */
  async #learn(records: readonly LogRecord[]): Promise<boolean> {
    const learning = this.#options.codec.learn(records)
    if (learning === null) return true
    this.#lingering = records
    await firstValueFrom(race(this.#broken(), learning))
    return !this.#draining && !this.#failure
  }

  #broken(): Observable<void> {
    return this.#changed.pipe(filter(() => this.#draining || this.#failure !== null))
  }

  #feed(records: readonly LogRecord[], tracker: OffsetTracker): void {
    const batch: InputRecord<I>[] = []
    for (const record of records) {
      this.#bytes += record.value?.length ?? 0
      const read = this.#read(record, tracker.isFresh(record))
      if ('cause' in read) {
        this.#burials.add(record)
        this.#push(read)
      } else {
        this.#inFlight.set(read, record)
        batch.push(read)
      }
    }
    if (batch.length === 0) return
    this.#options.observer?.given?.(batch as readonly AnyInput[])
    this.#input.next({ records: batch })
  }

  #read(record: LogRecord, firstDelivery: boolean): InputRecord<I> | Burial {
    const recordId = `${nameOf(record)}-${record.offset}`
    let decoded: EventOf<I>
    try {
      const events: readonly EventName[] = streams[this.#options.stage.input].events
      decoded = this.#options.codec.decode(record, events as readonly I[])
    } catch (error) {
      if (!(error instanceof PoisonError)) throw error
      return { recordId, record, cause: error.code, detail: error.message, event: null, tell: true }
    }
    if (this.#supervision.isCondemned(recordId)) {
      const detail = 'The stage failed on this record again and again'
      return { recordId, record, cause: 'stage-crash', detail, event: decoded as EventOf<EventName>, tell: true }
    }
    const { event, value } = decoded
    const scope = this.#scopes.of(record)
    const { timestampMs, headers } = record
    return { event, value, recordId, scope, timestampMs, headers, firstDelivery } as InputRecord<I>
  }

  async #commitAll(member: Member, tracker: OffsetTracker, state: StateView): Promise<void> {
    while (!this.#failure) {
      if (this.#ready.length > 0) {
        const isFull = () => 2 * this.unacked >= this.#options.mailbox
        await this.#spacing.passed(this.#changed, () => isFull() || this.#draining || this.#failure !== null)
        const parts = this.#ready
        this.#ready = []
        this.#committing = parts
        await this.#commit(parts, member, tracker, state).catch((error: unknown) => this.#fail(error))
      } else if (this.#completed) {
        return
      } else {
        await this.#change()
      }
    }
  }

  async #commit(parts: readonly Part<I, O>[], member: Member, tracker: OffsetTracker, state: StateView) {
    const { stage, codec, clock, observer } = this.#options
    const sourceOf = (input: InputRecord<I>) => this.#inFlight.get(input)
    const gathered = gather(parts, sourceOf, stage.name, codec, clock.now())
    const { outputs, changes, acked } = gathered
    for (const record of acked) tracker.ack(record)
    const startedMs = performance.now()
    this.#spacing.began(acked.length)
    await member.commit({ outputs, changes, positions: tracker.takeMoved(), durable: stage.durable })
    const commitMs = performance.now() - startedMs
    state.forget(changes)
    for (const { value } of acked) this.#bytes -= value?.length ?? 0
    for (const part of parts) {
      if ('recordId' in part) {
        this.#burials.delete(part.record)
        continue
      }
      for (const input of part.acked) this.#inFlight.delete(input)
      part.committed?.()
    }
    this.#committing = []
    observer?.committed?.({ ...gathered, commitMs })
    this.#supervision.acked(acked.length)
    this.#changed.next()
  }

  /** Their scope goes to another owner, who reads them again. */
  #release(records: readonly InputRecord<I>[]): void {
    for (const record of records) {
      this.#bytes -= this.#inFlight.get(record)?.value?.length ?? 0
      this.#inFlight.delete(record)
    }
    this.#options.observer?.left?.(records as readonly AnyInput[], null)
    this.#changed.next()
  }

  #push(part: Part<I, O>): void {
    this.#ready.push(part)
    this.#changed.next()
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#changed.next()
  }

  /** Resolves when nothing of these partitions is unacked, nor any change of their state on its way; at the latest when
   *  the session has failed. */
  async #finish(revoked: readonly Assignment[]): Promise<void> {
    const names = new Set(revoked.map(nameOf))
    const partitions = new Set(revoked.map(({ partition }) => partition))
    const changes = (part: Part<I, O>) =>
      'changes' in part && part.changes.some(({ scope }) => partitions.has(scope.partition))
    const isHeld = () =>
      [...this.#inFlight.values(), ...this.#burials, ...this.#lingering].some((record) => names.has(nameOf(record))) ||
      [...this.#committing, ...this.#ready].some(changes)
    while (!this.#failure && isHeld()) await this.#change()
  }

  async #change(): Promise<void> {
    await firstValueFrom(this.#changed, { defaultValue: undefined })
  }
}
