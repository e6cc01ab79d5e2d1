/** Puts the steps that are ready into one transaction. */
import type { EventName, EventOf } from '../../schemas/avro.js'
import type { Outgoing } from '../../schemas/outgoing.js'
import type { Lane } from '../../schemas/streams.js'
import type { InputRecord, StateChange, Step, WorkerName } from '../../stages/stage.js'
import type { Codec } from './codec.js'
import { deadLetterEvents, type GivenUpRecord } from './dead-letters.js'
import type { LogRecord, NewRecord } from './log.js'
import type { AnyInput, Ended } from './worker-observer.js'

/** What the engine commits: a stage's step, or a record that never reached the stage. */
export type Part<I extends EventName, O extends EventName> = Step<I, O> | GivenUpRecord

export interface BuiltTransaction {
  readonly outputs: readonly NewRecord[]
  readonly changes: readonly StateChange[]
  /** The records that are acked. */
  readonly acked: readonly LogRecord[]
  /** What the stage had been given of them. */
  readonly inputs: readonly AnyInput[]
  readonly drops: readonly Ended[]
  readonly deadLetters: readonly Ended[]
}

export function buildTransaction<I extends EventName, O extends EventName>(
  parts: readonly Part<I, O>[],
  sourceOf: (input: InputRecord<I>) => LogRecord | undefined,
  stage: WorkerName,
  codec: Codec,
  nowMs: number,
): BuiltTransaction {
  const outputs: NewRecord[] = []
  const changes: StateChange[] = []
  const acked: LogRecord[] = []
  const inputs: AnyInput[] = []
  const drops: Ended[] = []
  const deadLetters: Ended[] = []
  for (const part of parts) {
    if ('recordId' in part) {
      give(part, null)
      acked.push(part.record)
      continue
    }
    for (const output of part.outputs) outputs.push(codec.encode(output as Outgoing, nowMs))
    for (const change of part.changes) changes.push(change)
    for (const { record, reason } of part.drops)
      drops.push({ lane: laneIn(sourceOf(record)), reason, input: anyEvent(record), givenUp: null })
    for (const { record, cause, detail } of part.deadLetters) {
      const source = sourceOf(record)
      const { recordId } = record
      const event = record as EventOf<EventName>
      if (source) give({ recordId, record: source, cause, detail, event, tell: false }, anyEvent(record))
    }
    for (const input of part.acked) {
      const source = sourceOf(input)
      if (!source) continue
      acked.push(source)
      inputs.push(anyEvent(input))
    }
  }
  return { outputs, changes, acked, inputs, drops, deadLetters }

  function give(givenUp: GivenUpRecord, input: AnyInput | null): void {
    for (const outgoing of deadLetterEvents(givenUp, stage, nowMs)) outputs.push(codec.encode(outgoing, nowMs))
    deadLetters.push({ lane: givenUp.record.topic.lane, reason: givenUp.cause, input, givenUp })
  }
}

/** A stage's input is one of all events. */
function anyEvent<I extends EventName>(input: InputRecord<I>): AnyInput {
  return input as AnyInput
}

function laneIn(source: LogRecord | undefined): Lane | null {
  return source?.topic.lane ?? null
}
