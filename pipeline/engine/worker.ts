/** Runs one stage as an actor, and keeps it running: a crash starts it again from its last commit, with growing pauses;
 *  a record that crashes it again and again goes to the dead letters. */
import { BehaviorSubject, firstValueFrom, type Observable, type SchedulerLike, Subject, timer } from 'rxjs'
import type { EventName } from '../../schemas/avro.js'
import type { Lane, Topic } from '../../schemas/streams.js'
import { type InputRecord, type Stage, StageCrash } from '../../stages/stage.js'
import type { Codec } from './codec.js'
import type { Burial } from './dead-letters.js'
import type { Assignment, Log, LogRecord, NewRecord } from './log.js'
import { isOutsideTrouble } from './outside-trouble.js'
import { Session } from './session.js'

export interface WorkerOptions<I extends EventName, O extends EventName> {
  readonly stage: Stage<I, O>
  readonly log: Log
  readonly topics: readonly Topic[]
  readonly codec: Codec
  readonly clock: SchedulerLike
  /** At least 0, less than 1. */
  readonly random: () => number
  /** Most records polled and not acked. */
  readonly mailbox: number
  /** Most bytes of their values, 8 MiB unless said; one poll may go beyond. Decoded they take some times as much. */
  readonly mailboxBytes?: number
  /** Most records in one batch. */
  readonly batch: number
  /** How long a batch that is not full waits for more, in milliseconds; 0 unless said. For a stage that saves work when
   *  records that belong together come together. */
  readonly lingerMs?: number
  /** Where commits cost by the commit: how far apart they begin at least, in milliseconds, while they ack many records;
   *  a trickle waits for nothing. 0 unless said. */
  readonly commitEveryMs?: number
  /** How often a record may crash the stage before it is given up. */
  readonly crashesAllowed?: number
  readonly observer?: WorkerObserver
}

/** What any stage may have been given. */
export type AnyInput = InputRecord<EventName>

/** Told what happens, for metrics, traces and logs. Must not throw. */
export interface WorkerObserver {
  /** The records go to the stage now. */
  given?(records: readonly AnyInput[]): void
  committed?(commit: Commit): void
  /** They are left for the next owner of their partition, or for the next life of the stage. `error`: what ended this
   *  one; null where nothing did. */
  left?(records: readonly AnyInput[], error: unknown): void
  /** What the worker owns changed. */
  assigned?(assignments: readonly Assignment[]): void
  crashed?(error: unknown, retryInMs: number): void
}

/** One transaction that went through. */
export interface Commit {
  /** What the stage was given and has acked. What never reached the stage is in `acked` only. */
  readonly inputs: readonly AnyInput[]
  readonly acked: readonly LogRecord[]
  readonly outputs: readonly NewRecord[]
  readonly drops: readonly Ended[]
  readonly deadLetters: readonly Ended[]
  /** The transaction alone. */
  readonly commitMs: number
}

/** An input that went no further. */
export interface Ended {
  readonly lane: Lane | null
  /** Stable code of why, in kebab case. */
  readonly reason: string
  /** Null where it never reached the stage. */
  readonly input: AnyInput | null
  /** What was given up; null where it ended as it should. */
  readonly burial: Burial | null
}

export type WorkerState = 'running' | 'restarting' | 'stopped'

export interface Worker {
  readonly state: Observable<WorkerState>
  /** Records polled and not acked. */
  unacked(): number
  restarts(): number
  /** Milliseconds since it last moved: committed, found nothing to do, or began again after a crash. */
  stillMs(): number
  /** Stops pulling, lets the stage finish what it holds, commits it; what is not finished after `withinMs` is left to
   *  be read again. */
  stop(withinMs: number): Promise<void>
}

/** How it stands now. */
export function stateOf({ state }: Pick<Worker, 'state'>): WorkerState {
  let now: WorkerState = 'running'
  // It tells its state at once.
  state.subscribe((told) => (now = told)).unsubscribe()
  return now
}

const crashesAllowedByDefault = 3
const firstBackoffMs = 50
const longestBackoffMs = 10_000
/** After a crash that names no record, so many are fed one by one to find the culprit. */
const suspects = 256
/** Crashing records remembered; beyond this the oldest is forgotten. */
const crashesRemembered = 1000

export function runWorker<I extends EventName, O extends EventName>(options: WorkerOptions<I, O>): Worker {
  const { clock, random, observer, crashesAllowed = crashesAllowedByDefault } = options
  const state = new BehaviorSubject<WorkerState>('running')
  const crashes = new Map<string, number>()
  const stopped = new Subject<void>()
  let session: Session<I, O> | null = null
  let stopping = false
  let restarts = 0
  let suspicious = 0
  let backoffMs = firstBackoffMs
  let movedMs = clock.now()
  const finished = supervise()

  return {
    state,
    unacked: () => session?.unacked ?? 0,
    restarts: () => restarts,
    stillMs: () => clock.now() - movedMs,
    async stop(withinMs) {
      stopping = true
      stopped.next()
      session?.drain()
      const tooLate = clock.schedule(() => session?.abandon(), withinMs)
      await finished
      tooLate.unsubscribe()
    },
  }

  async function supervise(): Promise<void> {
    while (!stopping) {
      try {
        session = new Session(options, { isCondemned, isCautious, acked, idle })
        await session.finished
      } catch (error) {
        await recover(error)
      }
    }
    state.next('stopped')
  }

  async function recover(error: unknown): Promise<void> {
    restarts++
    movedMs = clock.now()
    blame(error)
    const retryInMs = Math.round(backoffMs * (0.5 + random() / 2))
    backoffMs = Math.min(longestBackoffMs, backoffMs * 2)
    state.next('restarting')
    observer?.crashed?.(error, retryInMs)
    if (!stopping) await Promise.race([firstValueFrom(timer(retryInMs, clock)), firstValueFrom(stopped)])
  }

  function blame(error: unknown): void {
    if (isOutsideTrouble(error)) return
    if (error instanceof StageCrash) {
      crashes.set(error.recordId, (crashes.get(error.recordId) ?? 0) + 1)
      const oldest = crashes.keys().next()
      if (crashes.size > crashesRemembered && !oldest.done) crashes.delete(oldest.value)
      return
    }
    suspicious = suspects
  }

  function isCondemned(recordId: string): boolean {
    return crashes.size > 0 && (crashes.get(recordId) ?? 0) >= crashesAllowed
  }

  function isCautious(): boolean {
    return suspicious > 0
  }

  function acked(count: number): void {
    movedMs = clock.now()
    suspicious = Math.max(0, suspicious - count)
    if (count > 0) backoffMs = firstBackoffMs
    // Throttle commits what it releases without settling anything.
    if (state.value === 'restarting') state.next('running')
  }

  function idle(): void {
    movedMs = clock.now()
    backoffMs = firstBackoffMs
    if (state.value === 'restarting') state.next('running')
  }
}
