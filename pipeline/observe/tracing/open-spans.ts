/** The open spans of one stage: one for each traced record that the stage was given and has not finished.
 *
 *  Invariant: the spans are bounded, because the stage's mailbox bounds the records. */
import type { Lane, StreamName } from '../../../schemas/streams.js'
import type { WorkerName } from '../../../stages/stage.js'
import type { AnyInput } from '../../engine/worker-observer.js'
import type { SpanFields } from './attributes.js'
import { tell } from './decisions.js'
import type { LiveSpan, NewSpan, Recorder } from './recorder.js'
import { fieldsOf, recordTrace, trailOf } from './traced-event.js'

export interface OpenSpansOptions {
  readonly stage: WorkerName
  readonly stream: StreamName
  readonly recorder: Recorder
  /** `messaging.system`. */
  readonly system: string
}

export class OpenSpans {
  readonly #recorder: Recorder
  readonly #name: string
  /** The attributes of every span of the stage. */
  readonly #shared: SpanFields
  readonly #open = new Map<AnyInput, LiveSpan>()
  /** The records that deliver has not finished. A provider may answer after its record was released, and only deliver
   *  asks for a span that late. */
  readonly #held: Set<AnyInput> | null

  constructor({ stage, stream, recorder, system }: OpenSpansOptions) {
    this.#recorder = recorder
    this.#name = `${stage} ${stream}`
    this.#held = stage === 'deliver' ? new Set() : null
    this.#shared = {
      'messaging.system': system,
      'messaging.operation.name': stage,
      'messaging.operation.type': 'process',
      'messaging.destination.name': stream,
      'messaging.consumer.group.name': stage,
      'carillon.stage': stage,
    }
  }

  get size(): number {
    return this.#open.size
  }

  of(record: AnyInput): LiveSpan | undefined {
    return this.#open.get(record)
  }

  /** Notes that the stage has the record. */
  hold(record: AnyInput): void {
    this.#held?.add(record)
  }

  /** Notes that the stage has finished or released the record. */
  release(record: AnyInput): void {
    this.#held?.delete(record)
  }

  /** Begins a span for the record and keeps it open where it is recorded. */
  begin(record: AnyInput, begun: Pick<NewSpan, 'parent' | 'forced' | 'startMs'>): LiveSpan {
    const { recordId, scope } = record
    const span = this.beginApart({
      fields: [placeFields(recordId, scope.lane, scope.partition), ...fieldsOf(record)],
      ...begun,
    })
    if (span.recorded) this.#open.set(record, span)
    return span
  }

  /** Begins a span with the stage's name and attributes for a record that the stage was never given. */
  beginApart(span: Omit<NewSpan, 'name' | 'kind'>): LiveSpan {
    return this.#recorder.begin({ ...span, name: this.#name, kind: 'consumer', fields: [this.#shared, ...span.fields] })
  }

  /** Traces a record from now on although its trace was not sampled; a record without a trace begins one. Undefined:
   *  the recorder has no room for the span. */
  force(record: AnyInput, startMs: number): LiveSpan | undefined {
    const span = this.begin(record, { parent: recordTrace(record), forced: true, startMs })
    if (!span.recorded) return undefined
    // No earlier span was recorded, so this one has to show what happened until now.
    tell(span, trailOf(record))
    if (this.#held && !this.#held.has(record)) {
      this.forget(record)
      span.end({ fields: { 'carillon.outcome': 'left' } })
    }
    return span
  }

  /** The record's span is about to end. */
  forget(record: AnyInput): void {
    this.#open.delete(record)
  }
}

/** The attributes of where a record stands. */
export function placeFields(recordId: string, lane: Lane | null, partition: number): SpanFields {
  return {
    'messaging.destination.partition.id': String(partition),
    'carillon.record': recordId,
    'carillon.lane': lane,
  }
}
