/** One turn: what throttle does about one event, at one moment, gathered into steps.
 *
 *  Invariant: a step holds the outputs, the changes and the inputs of the same decisions, for it is cut only between
 *  two of them. */
import type { Delivery } from '../../schemas/events.js'
import type { Outgoing } from '../../schemas/outgoing.js'
import type { Drop, InputRecord, StageContext, Step } from '../stage.js'

export type In = 'delivery-routed' | 'cancel-requested'
export type Out = 'delivery-released' | 'notification-status'

export interface Turn {
  /** The only time that its decisions know, in milliseconds since the epoch. */
  readonly nowMs: number
  tell(...outputs: readonly Outgoing<Out>[]): void
  ack(record: InputRecord<In>): void
  /** Acks an input that ends here as it should. */
  drop(record: InputRecord<In>, reason: string): void
  /** There is something to do in so many milliseconds. */
  wakeWithin(ms: number): void
  /** Ends the step where it is large enough. */
  cutIfFull(): void
  end(question: readonly Delivery[]): TurnResult
}

/** What the turn comes to. */
export interface TurnResult {
  readonly steps: readonly Step<In, Out>[]
  /** When to look again at the latest; null: when it was said before. */
  readonly wakeInMs: number | null
  /** Deliveries to ask the wishes about. */
  readonly question: readonly Delivery[]
  /** Inputs that are left to the next owner of their scope. */
  readonly released: readonly InputRecord<In>[]
}

/** Outputs of one step from which on it is full: a release and its status count as two. */
const fullStep = 512
/** Time is looked at again at least this often: nobody tells of a partition that was assigned with deliveries that
 *  wait, nor of a clock that was set. */
const maxWakeMs = 1_000

export function beginTurn(nowMs: number, takeChanges: StageContext['takeChanges']): Turn {
  const steps: Step<In, Out>[] = []
  let outputs: Outgoing<Out>[] = []
  let acked: InputRecord<In>[] = []
  let drops: Drop<In>[] = []
  let wakeInMs = maxWakeMs

  const cut = (): void => {
    const changes = takeChanges()
    if (outputs.length === 0 && acked.length === 0 && changes.length === 0) return
    steps.push({ acked: acked, outputs, changes, drops, deadLetters: [] })
    outputs = []
    acked = []
    drops = []
  }

  return {
    nowMs,
    tell: (...more) => void outputs.push(...more),
    ack: (record) => void acked.push(record),
    drop(record, reason) {
      acked.push(record)
      drops.push({ record, reason })
    },
    wakeWithin(ms) {
      wakeInMs = Math.min(wakeInMs, ms)
    },
    cutIfFull() {
      if (outputs.length >= fullStep) cut()
    },
    end(question) {
      cut()
      return { steps, wakeInMs: Math.max(1, wakeInMs), question, released: [] }
    },
  }
}
