/** Runs one stage as an actor, and keeps it running: a crash starts it again from its last commit, with growing pauses;
 *  a record that crashes it again and again goes to the dead letters. */
import { BehaviorSubject, filter, firstValueFrom, type Observable, race, timer } from 'rxjs'
import type { EventName } from '../../schemas/avro.js'
import { StageCrash } from '../../stages/stage.js'
import { ConsumerLoop, type ConsumerLoopOptions, isOutsideTrouble } from './consumer-loop.js'

export interface WorkerOptions<I extends EventName, O extends EventName> extends ConsumerLoopOptions<I, O> {
  /** How often a record may crash the stage before it is given up. */
  readonly crashesAllowed?: number
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

const firstBackoffMs = 50
const maxBackoffMs = 10_000

export function runWorker<I extends EventName, O extends EventName>(options: WorkerOptions<I, O>): Worker {
  const worker = new SupervisedWorker(options)
  return {
    state: worker.state,
    unacked: () => worker.unacked(),
    restarts: () => worker.restarts,
    stillMs: () => worker.stillMs(),
    stop: (withinMs) => worker.stop(withinMs),
  }
}

class SupervisedWorker<I extends EventName, O extends EventName> {
  readonly state = new BehaviorSubject<WorkerState>('running')
  restarts = 0
  readonly #options: WorkerOptions<I, O>
  readonly #blame: Blame
  readonly #finished: Promise<void>
  /** Keeps its value: whoever begins to wait later is told too. */
  readonly #stopping = new BehaviorSubject(false)
  #loop: ConsumerLoop<I, O> | null = null
  #backoffMs = firstBackoffMs
  #movedMs: number

  constructor(options: WorkerOptions<I, O>) {
    this.#options = options
    this.#blame = new Blame(options.crashesAllowed)
    this.#movedMs = options.clock.now()
    this.#finished = this.#supervise()
  }

  unacked(): number {
    return this.#loop?.unacked ?? 0
  }

  stillMs(): number {
    return this.#options.clock.now() - this.#movedMs
  }

  async stop(withinMs: number): Promise<void> {
    this.#stopping.next(true)
    this.#loop?.drain()
    const tooLate = this.#options.clock.schedule(() => this.#loop?.abandon(), withinMs)
    await this.#finished
    tooLate.unsubscribe()
  }

  async #supervise(): Promise<void> {
    const supervision = {
      isPoison: (recordId: string) => this.#blame.isPoison(recordId),
      isBisecting: () => this.#blame.isBisecting(),
      acked: (count: number) => this.#acked(count),
      idle: () => this.#idle(),
    }
    while (!this.#stopping.value) {
      try {
        this.#loop = new ConsumerLoop(this.#options, supervision)
        await this.#loop.finished
      } catch (error) {
        await this.#recover(error)
      }
    }
    this.state.next('stopped')
  }

  async #recover(error: unknown): Promise<void> {
    const { clock, random, observer } = this.#options
    this.restarts++
    this.#movedMs = clock.now()
    this.#blame.crashed(error)
    const retryInMs = Math.round(this.#backoffMs * (0.5 + random() / 2))
    this.#backoffMs = Math.min(maxBackoffMs, this.#backoffMs * 2)
    this.state.next('restarting')
    observer?.crashed?.(error, retryInMs)
    await firstValueFrom(race(this.#stopping.pipe(filter(Boolean)), timer(retryInMs, clock)))
  }

  #acked(count: number): void {
    this.#movedMs = this.#options.clock.now()
    this.#blame.acked(count)
    if (count > 0) this.#backoffMs = firstBackoffMs
    // Throttle commits what it releases without settling anything.
    if (this.state.value === 'restarting') this.state.next('running')
  }

  #idle(): void {
    this.#movedMs = this.#options.clock.now()
    this.#backoffMs = firstBackoffMs
    if (this.state.value === 'restarting') this.state.next('running')
  }
}

const usualCrashesAllowed = 3
/** After a crash that names no record, so many are fed one by one to find the culprit. */
const maxSuspects = 256
/** Crashing records remembered; beyond this the oldest is forgotten. */
const maxCrashes = 1000

/** Which records crash the stage. */
class Blame {
  readonly #crashesAllowed: number
  readonly #crashes = new Map<string, number>()
  #suspects = 0

  constructor(crashesAllowed: number = usualCrashesAllowed) {
    this.#crashesAllowed = crashesAllowed
  }

  crashed(error: unknown): void {
    if (isOutsideTrouble(error)) return
    if (!(error instanceof StageCrash)) {
      this.#suspects = maxSuspects
      return
    }
    this.#crashes.set(error.recordId, (this.#crashes.get(error.recordId) ?? 0) + 1)
    const oldest = this.#crashes.keys().next()
    if (this.#crashes.size > maxCrashes && !oldest.done) this.#crashes.delete(oldest.value)
  }

  isPoison(recordId: string): boolean {
    return this.#crashes.size > 0 && (this.#crashes.get(recordId) ?? 0) >= this.#crashesAllowed
  }

  isBisecting(): boolean {
    return this.#suspects > 0
  }

  acked(count: number): void {
    this.#suspects = Math.max(0, this.#suspects - count)
  }
}
