/** How a stage does, as the API tells it. */

/** How old what waits is, and whether it will be lost. */
export interface Overdue {
  /** Age of the oldest record that waits, in milliseconds; 0 where none does, null where that is not known. */
  readonly ageMs: number | null
  /** That age as a part of how long the log keeps records: at 1 they are lost. Null where it is not known. */
  readonly retentionUsed: number | null
  /** Records that the log has dropped by age before they were acked. */
  readonly lost: number
}

/** How far a stage is behind, told by the log and not by the stage. */
export interface StageBehind extends Overdue {
  /** Until nothing waits, in milliseconds, as the lag shrinks now; `never` while it does not, null where that is not
   *  known yet. */
  readonly drainMs: number | 'never' | null
  /** Processes that share the stage; null where that is not known. */
  readonly members: number | null
  readonly lanes: Readonly<Record<string, Overdue>>
}

/** One stage as it runs now. */
export interface StageFlow {
  readonly stage: string
  readonly input: string
  readonly outputs: readonly string[]
  readonly state: 'running' | 'restarting' | 'stopped'
  /** Records acked since the start. */
  readonly processed: number
  /** Records acked a second, over the last seconds. */
  readonly perSecond: number
  /** Records waiting in the input, by lane. */
  readonly lag: Readonly<Record<string, number>>
  /** Deliveries that wait for their time, a limit or a provider (throttle only). */
  readonly parked?: number
  readonly restarts: number
  /** Absent while the log cannot be looked at. */
  readonly behind?: StageBehind
}
