/** Commits what comes in, one commit after the other, each with all that is ready by then. So commits follow each other
 *  without a timer, and grow with the load.
 *
 *  Invariants: after an error nothing more is committed, and the commit under way has ended before the error is told;
 *  the end comes when everything is committed. What is ready is bounded by the mailbox that it comes from. */
import { Observable, type OperatorFunction, Subject, type Subscriber, Subscription } from 'rxjs'

export interface CommitPorts<P> {
  /** All of it or nothing. */
  readonly commit: (parts: readonly P[]) => Promise<void>
  /** Resolves when the next commit may begin; asked when something is ready. `changed`: emits when what `isOver` says, or
   *  what is ready, may have changed. */
  readonly mayBegin: (changed: Observable<unknown>, isOver: () => boolean) => Promise<void>
}

/** What is ready for a commit, and what is being committed. */
export class Uncommitted<P> {
  /** Emits after a part became ready, after a commit, and after an error. */
  readonly changed = new Subject<void>()
  ready: P[] = []
  committing: readonly P[] = []

  some(predicate: (part: P) => boolean): boolean {
    return this.committing.some(predicate) || this.ready.some(predicate)
  }
}

export function commitInTurn<P>(parts: Uncommitted<P>, ports: CommitPorts<P>): OperatorFunction<P, never> {
  return (source) =>
    new Observable((subscriber) => {
      const turns = new Turns(parts, ports, subscriber)
      turns.source.add(
        source.subscribe({
          next: (part) => turns.add(part),
          error: (error: unknown) => turns.fail(error),
          complete: () => turns.complete(),
        }),
      )
      return turns.source
    })
}

class Turns<P> {
  /** Ended by the first error. */
  readonly source = new Subscription()
  readonly #parts: Uncommitted<P>
  readonly #ports: CommitPorts<P>
  readonly #subscriber: Subscriber<never>
  #failure: { readonly error: unknown } | null = null
  #isComplete = false
  #isBusy = false

  constructor(parts: Uncommitted<P>, ports: CommitPorts<P>, subscriber: Subscriber<never>) {
    this.#parts = parts
    this.#ports = ports
    this.#subscriber = subscriber
  }

  add(part: P): void {
    this.#parts.ready.push(part)
    this.#wake()
  }

  fail(error: unknown): void {
    this.#failure ??= { error }
    this.source.unsubscribe()
    this.#wake()
  }

  complete(): void {
    this.#isComplete = true
    this.#wake()
  }

  #wake(): void {
    this.#parts.changed.next()
    if (this.#isBusy) return
    this.#isBusy = true
    void this.#commitAll()
      .catch((error: unknown) => this.fail(error))
      .then(() => this.#rest())
  }

  async #commitAll(): Promise<void> {
    // What becomes ready in one turn is one commit.
    await Promise.resolve()
    while (this.#parts.ready.length > 0 && !this.#failure) {
      await this.#ports.mayBegin(this.#parts.changed, () => this.#failure !== null)
      if (this.#failure) return
      this.#parts.committing = this.#parts.ready
      this.#parts.ready = []
      await this.#ports.commit(this.#parts.committing)
      this.#parts.committing = []
      this.#parts.changed.next()
    }
  }

  /** Nothing is ready; or something became so since that was asked. */
  #rest(): void {
    this.#isBusy = false
    if (this.#failure) this.#subscriber.error(this.#failure.error)
    else if (this.#parts.ready.length > 0) this.#wake()
    else if (this.#isComplete) this.#subscriber.complete()
  }
}
