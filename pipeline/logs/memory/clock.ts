/** Time that tests move. Timers run in the order of their due times, and promises ack between them, so that code
 *  that awaits proceeds the same way every time. What waits for real input or output is not part of this time.
 *
 *  Invariant: time never goes back, and no timer runs before it is due. */
import { type SchedulerLike, VirtualAction, VirtualTimeScheduler } from 'rxjs'

/** A clock that stands still until it is told to move. */
export interface VirtualClock {
  /** Time and timers for the code under test. `now()` is in milliseconds since the epoch. */
  readonly scheduler: SchedulerLike
  /** Moves by `ms`, running what falls due on the way. Rejects with what a timer throws. */
  advance(ms: number): Promise<void>
  /** Moves from timer to timer until `predicate` holds, asked after each. Rejects when it does not hold within `maxMs`
   *  or when no timer is left that could change that. */
  runUntil(predicate: () => boolean, maxMs: number): Promise<void>
}

/** Turns of the event loop between two timers. Each acks every promise that depends on no input or output; more
 *  than one lets code that yields with setImmediate come forward too. */
const settleTurns = 3
/** Timers in one `advance` or `runUntil`; more is a timer that sets itself again for the same moment. */
const maxTimers = 1_000_000

/** A clock that begins at `startMs`, in milliseconds since the epoch. One move may be under way at a time.
 *  `passedMs` is asked at each read how many milliseconds went by since the one before: real time moves between two reads
 *  of a clock, and code that reads it twice for one decision must be seen to fail. None unless said. */
export function virtualClock(startMs: number, passedMs?: () => number): VirtualClock {
  const scheduler = new VirtualTimeScheduler(VirtualAction, Number.POSITIVE_INFINITY)
  scheduler.frame = startMs
  if (passedMs) {
    scheduler.now = () => {
      scheduler.frame += passedMs()
      return scheduler.frame
    }
  }
  let moving = false

  const runNext = async (untilMs: number): Promise<boolean> => {
    const action = scheduler.actions[0]
    if (!action || action.delay > untilMs) return false
    scheduler.actions.shift()
    scheduler.frame = Math.max(scheduler.frame, action.delay)
    const failure: unknown = action.execute(action.state, action.delay)
    if (failure) throw failure
    await ack()
    return true
  }

  const move = async (untilMs: number, arrived: () => boolean): Promise<boolean> => {
    if (moving) throw new Error('The virtual clock is moving already: await the first move')
    moving = true
    try {
      await ack()
      for (let timers = 0; !arrived(); timers++) {
        if (timers === maxTimers) throw new Error(`${maxTimers} timers ran before ${untilMs} ms was reached`)
        if (!(await runNext(untilMs))) return false
      }
      return true
    } finally {
      moving = false
    }
  }

  return {
    scheduler,
    advance: async (ms) => {
      const untilMs = scheduler.frame + ms
      await move(untilMs, () => false)
      scheduler.frame = Math.max(scheduler.frame, untilMs)
    },
    runUntil: async (predicate, maxMs) => {
      if (await move(scheduler.frame + maxMs, predicate)) return
      const left = scheduler.actions.length > 0 ? `within ${maxMs} ms` : 'and no timer is left'
      throw new Error(`What was waited for did not come, ${left}: ${predicate}`)
    },
  }
}

async function ack(): Promise<void> {
  for (let turn = 0; turn < settleTurns; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}
