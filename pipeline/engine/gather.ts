/** Puts the steps that are ready into one transaction. */
import type { EventName, EventOf } from '../../schemas/avro.js'
import type { Outgoing } from '../../schemas/outgoing.js'
import type { InputRecord, StateChange, Step, WorkerName } from '../../stages/stage.js'
import type { Codec } from './codec.js'
import { type Burial, bury } from './dead-letters.js'
import type { LogRecord, NewRecord } from './log.js'

/** What the engine commits: a stage's step, or a record that never reached the stage. */
export type Part<I extends EventName, O extends EventName> = Step<I, O> | Burial

export interface Gathered {
  readonly outputs: readonly NewRecord[]
  readonly changes: readonly StateChange[]
  /** The records that are settled. */
  readonly settled: readonly LogRecord[]
  /** How many were dropped, by reason. */
  readonly drops: ReadonlyMap<string, number>
  /** The cause of each dead letter. */
  readonly deadLetters: readonly string[]
}

export function gather<I extends EventName, O extends EventName>(
  parts: readonly Part<I, O>[],
  sourceOf: (input: InputRecord<I>) => LogRecord | undefined,
  stage: WorkerName,
  codec: Codec,
  nowMs: number,
): Gathered {
  const outputs: NewRecord[] = []
  const changes: StateChange[] = []
  const settled: LogRecord[] = []
  const drops = new Map<string, number>()
  const deadLetters: string[] = []
  for (const part of parts) {
    if ('recordId' in part) {
      give(part)
      settled.push(part.record)
      continue
    }
    for (const output of part.outputs) outputs.push(codec.encode(output as Outgoing, nowMs))
    for (const change of part.changes) changes.push(change)
    for (const { reason } of part.drops) drops.set(reason, (drops.get(reason) ?? 0) + 1)
    for (const { record, cause, detail } of part.deadLetters) {
      const source = sourceOf(record)
      const { recordId } = record
      if (source) give({ recordId, record: source, cause, detail, event: record as EventOf<EventName>, tell: false })
    }
    for (const input of part.settled) {
      const source = sourceOf(input)
      if (source) settled.push(source)
    }
  }
  return { outputs, changes, settled, drops, deadLetters }

  function give(burial: Burial): void {
    for (const outgoing of bury(burial, stage, nowMs)) outputs.push(codec.encode(outgoing, nowMs))
    deadLetters.push(burial.cause)
  }
}
