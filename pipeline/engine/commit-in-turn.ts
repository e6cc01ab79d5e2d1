/** Commits what comes in, one commit after the other, each with all that is ready by then. So commits follow each other
 *  without a timer, and grow with the load.
 *
 *  Invariants: after an error nothing more is committed, and the commit under way has ended before the error is told;
 *  the end comes when everything is committed. What is ready is bounded by the mailbox that it comes from. */
import { Observable, type OperatorFunction, Subject, Subscription } from 'rxjs'

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
      const subscription = new Subscription()
      let failure: { readonly error: unknown } | null = null
      let complete = false
      let busy = false

      const commitAll = async (): Promise<void> => {
        // What becomes ready in one turn is one commit.
        await Promise.resolve()
        while (parts.ready.length > 0 && !failure) {
          await ports.mayBegin(parts.changed, () => failure !== null)
          if (failure) return
          parts.committing = parts.ready
          parts.ready = []
          await ports.commit(parts.committing)
          parts.committing = []
          parts.changed.next()
        }
      }
      const fail = (error: unknown) => {
        failure ??= { error }
        subscription.unsubscribe()
        wake()
      }
      const idle = () => {
        busy = false
        if (failure) subscriber.error(failure.error)
        else if (parts.ready.length > 0) wake()
        else if (complete) subscriber.complete()
      }
      function wake(): void {
        parts.changed.next()
        if (busy) return
        busy = true
        void commitAll().catch(fail).then(idle)
      }
      subscription.add(
        source.subscribe({
          next(part) {
            parts.ready.push(part)
            wake()
          },
          error: fail,
          complete() {
            complete = true
            wake()
          },
        }),
      )
      return subscription
    })
}
