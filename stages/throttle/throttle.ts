/** Owns time: parks what is not due or not allowed yet, and releases what is, high lanes first.
 *
 *  Invariants: what can go at once never touches the state; nothing overtakes a delivery of its lane that waits for
 *  the same destination; nothing is dropped for a limit; a step acks exactly the inputs it decided on; as long as
 *  something waits and could go, a timer is set. */
import {
  catchError,
  concatMap,
  defer,
  EMPTY,
  endWith,
  map,
  merge,
  type Observable,
  type OperatorFunction,
  of,
  Subject,
  switchMap,
  takeWhile,
  tap,
  timer,
} from 'rxjs'
import type { Delivery } from '../../schemas/events.js'
import type { Batch, Stage, StageContext, Step } from '../stage.js'
import type { ThrottleOptions, ThrottlePorts } from './ports.js'
import { type ThrottleEvent, throttleReducer } from './reducer.js'
import type { In, Out } from './turn.js'
import type { Unwanted, Wishes } from './wishes.js'

export function throttle(ports: ThrottlePorts, options: ThrottleOptions): Stage<In, Out> {
  const operator = (context: StageContext) => reduceToSteps(context, ports, options)
  return { name: 'throttle', input: 'deliveries.routed', operator, durable: false }
}

const woken: ThrottleEvent = { kind: 'woken' }

/** Every event is one turn of the reducer, at the time of that moment, and the turn sets the timer of the next. Nothing
 *  waits in an operator: a turn's steps are in an array, and what is not decided yet stays in the reducer's state. */
function reduceToSteps(
  context: StageContext,
  ports: ThrottlePorts,
  options: ThrottleOptions,
): OperatorFunction<Batch<In>, Step<In, Out>> {
  const { clock, revoked, release } = context
  return (batches) =>
    defer(() => {
      const reduce = throttleReducer(context, ports, options)
      const wakeInMs = new Subject<number>()
      const questions = new Subject<readonly Delivery[]>()
      const events: Observable<ThrottleEvent | null> = merge(
        wakeInMs.pipe(
          switchMap((ms) => timer(ms, clock)),
          map(() => woken),
        ),
        // A later question means that nobody answered the one before.
        questions.pipe(switchMap((asked) => answerTo(asked, ports.wishes))),
        ports.creditChanged.pipe(map(() => woken)),
        ports.health.pipe(map((health): ThrottleEvent => ({ kind: 'provider-changed', health }))),
        revoked.pipe(map((scopes): ThrottleEvent => ({ kind: 'revoked', scopes }))),
        batches.pipe(
          map(({ records }): ThrottleEvent => ({ kind: 'arrived', records })),
          endWith(null),
        ),
        of(woken),
      )
      return events.pipe(
        // No more is coming; what is held here is read again by the next owner.
        takeWhile((event) => event !== null),
        map((event) => reduce(event, clock.now())),
        tap((turn) => {
          if (turn.released.length > 0) release(turn.released)
          if (turn.wakeInMs !== null) wakeInMs.next(turn.wakeInMs)
          if (turn.question.length > 0) questions.next(turn.question)
        }),
        concatMap(({ steps }) => steps),
      )
    })
}

function answerTo(asked: readonly Delivery[], wishes: Wishes | null): Observable<ThrottleEvent> {
  const answer = (unwanted: Unwanted | null): ThrottleEvent => ({ kind: 'answered', asked, unwanted })
  if (wishes === null) return EMPTY
  // Never at once: the turn that asks comes to its end first.
  return defer(async () => wishes.unwanted(asked)).pipe(
    map(answer),
    // Whoever cannot answer says so in its own log and metrics; the trail says that nobody was asked.
    catchError(() => of(answer(null))),
  )
}
