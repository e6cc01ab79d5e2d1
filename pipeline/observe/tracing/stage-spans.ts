/** The spans of one stage: one for each record that is followed, from when the stage is given it until it is committed,
 *  and one for each commit of such records.
 *
 *  A record that nobody follows costs a look at one character of its trace context. */

import type { TrailEntry } from '../../../schemas/events.js'
import type { Lane, StreamName } from '../../../schemas/streams.js'
import { type SpanContext, spanContext, traceparentIn } from '../../../schemas/trace-context.js'
import { StageCrash, type WorkerName } from '../../../stages/stage.js'
import { isSampled, traceOf } from '../../engine/trace-context.js'
import type { AnyInput, Commit, Ended, WorkerObserver } from '../../engine/worker-observer.js'
import type { SpanFields } from './attributes.js'
import { decisionsIn, tell } from './decisions.js'
import type { LiveSpan, Recorder, SpanEnd } from './recorder.js'
import { fieldsOf, isTroubled, notificationIn, recordTrace, trailOf } from './traced-event.js'
import { recordWaits } from './waits.js'

export interface StageSpans {
  readonly observer: WorkerObserver
  /** The record's span, where it is followed. */
  of(record: AnyInput): LiveSpan | undefined
  /** Follows a record from now on, whatever was decided for its trace; one that has none begins one. Undefined: there
   *  is no room for its span. */
  force(record: AnyInput, startMs: number): LiveSpan | undefined
  /** Begins a trace with the record: its trace context; null where that is not recorded. */
  root(record: AnyInput): string | null
}

export interface StageSpansOptions {
  readonly stage: WorkerName
  readonly stream: StreamName
  readonly recorder: Recorder
  /** `messaging.system`. */
  readonly system: string
  /** Told where in the traces a crash stands. */
  readonly placed: (error: StageCrash, place: SpanContext) => void
}

/** Links of a commit; of the others it says how many they are. */
const maxLinks = 128

export function stageSpans({ stage, stream, recorder, system, placed }: StageSpansOptions): StageSpans {
  /** Bounded by the stage's mailbox. */
  const open = new Map<AnyInput, LiveSpan>()
  /** What deliver holds: a call may be answered when its record is no longer here. Nobody else asks so late. */
  const held = stage === 'deliver' ? new Set<AnyInput>() : null
  const name = `${stage} ${stream}`
  const shared: SpanFields = {
    'messaging.system': system,
    'messaging.operation.name': stage,
    'messaging.operation.type': 'process',
    'messaging.destination.name': stream,
    'messaging.consumer.group.name': stage,
    'carillon.stage': stage,
  }

  // What throttle keeps it tells of when it lets it go.
  const acked: SpanEnd = stage === 'throttle' ? { fields: { 'carillon.outcome': 'parked' } } : {}

  const observer: WorkerObserver = {
    given(records) {
      for (const record of records) {
        held?.add(record)
        const trace = recordTrace(record)
        if (trace === null) continue
        if (isSampled(trace)) follow(record, { parent: trace })
        else if (isTroubled(record)) {
          const span = follow(record, { parent: trace, forced: true })
          // A status has the whole story with it.
          if (stage === 'record') tell(span, trailOf(record))
        }
      }
    },
    committed(commit) {
      for (const ended of commit.deadLetters) followDead(ended)
      if (stage === 'throttle') recordWaits(commit.outputs, recorder)
      if (open.size > 0) conclude(commit)
      if (held) for (const input of commit.inputs) held.delete(input)
    },
    left(records, error) {
      for (const record of records) {
        leave(record, error)
        held?.delete(record)
      }
    },
  }
  return {
    observer,
    of: (record) => open.get(record),
    force,
    root(record) {
      const { recorded, traceparent } = follow(record, { parent: null })
      return recorded ? traceparent : null
    },
  }

  function follow(record: AnyInput, begun: Pick<Parameters<Recorder['begin']>[0], 'parent' | 'forced' | 'startMs'>) {
    const span = recorder.begin({ name, kind: 'consumer', fields: [shared, ...recordFields(record)], ...begun })
    if (span.recorded) open.set(record, span)
    return span
  }

  function force(record: AnyInput, startMs: number): LiveSpan | undefined {
    const span = follow(record, { parent: recordTrace(record), forced: true, startMs })
    if (!span.recorded) return undefined
    // Nothing before was recorded: what happened until now stands here.
    tell(span, trailOf(record))
    if (held && !held.has(record)) {
      open.delete(record)
      span.end({ fields: { 'carillon.outcome': 'left' } })
    }
    return span
  }

  /** What is given up is followed, whatever was decided for its trace. */
  function followDead({ input, burial, reason }: Ended): void {
    if (input) {
      if (!open.has(input)) force(input, Date.now())
      return
    }
    if (!burial) return
    const trace = burial.event ? traceOf(burial.event) : traceparentIn(burial.record.headers)
    const { recordId, record, event } = burial
    const place = placeFields(recordId, record.topic.lane, record.partition)
    const span = recorder.begin({
      name,
      kind: 'consumer',
      parent: trace,
      forced: true,
      fields: [shared, place, ...(event ? fieldsOf(event) : [])],
    })
    if (event) tell(span, trailOf(event))
    span.end({ failed: reason, fields: { 'carillon.outcome': 'dead-lettered', 'carillon.reason': reason } })
  }

  function conclude(commit: Commit): void {
    const followed: { readonly input: AnyInput; readonly span: LiveSpan }[] = []
    for (const input of commit.inputs) {
      const span = open.get(input)
      if (span) followed.push({ input, span })
    }
    if (followed.length === 0) return
    const ids = new Set(followed.flatMap(({ input }) => notificationIn(input) ?? []))
    const sampled = followed.every(({ input }) => isSampled(recordTrace(input) ?? ''))
    const decided = decisionsIn(commit.outputs, stage, ids, sampled)
    const dropped = new Map(commit.drops.map(({ input, reason }) => [input, reason]))
    const dead = new Map(commit.deadLetters.map(({ input, reason }) => [input, reason]))
    for (const { input, span } of followed) {
      open.delete(input)
      const before = new Set(trailOf(input))
      const entries = [...(decided.get(notificationIn(input) ?? '') ?? [])].filter((entry) => !before.has(entry))
      tell(span, entries)
      span.end(endOf(entries.at(-1), dropped.get(input), dead.get(input)) ?? acked)
    }
    recordCommit(
      commit,
      followed.map(({ span }) => span.traceparent),
    )
  }

  function recordCommit({ acked, outputs, drops, deadLetters, commitMs }: Commit, spans: readonly string[]): void {
    const endMs = Date.now()
    recorder
      .begin({
        name: `commit ${stage}`,
        kind: 'internal',
        parent: null,
        forced: true,
        startMs: endMs - commitMs,
        links: spans.slice(0, maxLinks),
        fields: [
          {
            'messaging.system': system,
            'messaging.batch.message_count': acked.length,
            'carillon.stage': stage,
            'carillon.commit.outputs': outputs.length,
            'carillon.commit.dropped': drops.length,
            'carillon.commit.dead_letters': deadLetters.length,
            'carillon.commit.links_left_out': Math.max(0, spans.length - maxLinks),
          },
        ],
      })
      .end({ endMs })
  }

  /** Whoever is given it next begins another span. */
  function leave(record: AnyInput, error: unknown): void {
    const crash = error instanceof StageCrash && error.recordId === record.recordId ? error : null
    const span = open.get(record) ?? (crash ? force(record, Date.now()) : undefined)
    open.delete(record)
    if (!span) return
    const left = { 'carillon.outcome': 'left' }
    if (crash) {
      placed(crash, spanContext(span.traceparent))
      span.end({ fields: { ...left, 'carillon.reason': crash.code }, failed: causeOf(crash) })
    } else {
      span.end({ fields: left })
    }
  }
}

function recordFields(record: AnyInput): readonly SpanFields[] {
  const { recordId, scope } = record
  return [placeFields(recordId, scope.lane, scope.partition), ...fieldsOf(record)]
}

function placeFields(recordId: string, lane: Lane | null, partition: number): SpanFields {
  return {
    'messaging.destination.partition.id': String(partition),
    'carillon.record': recordId,
    'carillon.lane': lane,
  }
}

/** Undefined: it decided nothing that it tells. */
function endOf(
  last: TrailEntry | undefined,
  dropped: string | undefined,
  dead: string | undefined,
): SpanEnd | undefined {
  if (dead !== undefined) {
    return { failed: dead, fields: { 'carillon.outcome': 'dead-lettered', 'carillon.reason': dead } }
  }
  if (dropped !== undefined) return { fields: { 'carillon.outcome': 'dropped', 'carillon.reason': dropped } }
  return last && { fields: { 'carillon.outcome': last.event, 'carillon.reason': last.reason } }
}

/** The kind of what was thrown; never its words, which might quote anything. */
function causeOf({ cause, code }: StageCrash): string {
  return cause instanceof Error ? cause.name : code
}
