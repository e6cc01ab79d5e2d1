/** Counts what waits for its export, so that it has a bound and what is lost is known.
 *
 *  Invariant: an exporter in trouble costs spans, never a notification: nothing waits for it, nothing fails with it. */
import type { ReadableSpan, Span, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace'
import { BatchSpanProcessor } from '@opentelemetry/sdk-trace'

export interface ExportWatcher {
  /** So many spans are lost. */
  dropped(count: number): void
  /** An export failed. */
  failed(error: unknown): void
}

/** Spans that wait; some 2 KB each. */
export const maxWaiting = 4096
const maxBatch = 512
/** How long a batch that is not full waits for more. */
const delayMs = 2000
/** A collector that takes longer is away. */
export const exportTimeoutMs = 10_000

export interface BoundedExport extends SpanProcessor {
  /** One span more would be lost. */
  isFull(): boolean
}

/** Sends ended spans to the exporter, in batches. */
export function boundedExport(exporter: SpanExporter, watcher: ExportWatcher): BoundedExport {
  let waiting = 0
  const counted: SpanExporter = {
    export(spans, done) {
      waiting -= spans.length
      exporter.export(spans, (result) => {
        if (result.code !== succeeded) {
          watcher.dropped(spans.length)
          watcher.failed(result.error)
        }
        // Told and counted: what batches would only throw it.
        done({ code: succeeded })
      })
    },
    shutdown: () => exporter.shutdown(),
  }
  const batches = new BatchSpanProcessor({
    exporter: counted,
    maxQueueSize: maxWaiting,
    maxExportBatchSize: maxBatch,
    scheduledDelayMillis: delayMs,
    exportTimeoutMillis: 2 * exportTimeoutMs,
  })

  return {
    isFull: () => waiting >= maxWaiting,
    onStart: (span: Span, parent) => batches.onStart(span, parent),
    onEnd(span: ReadableSpan) {
      if (waiting >= maxWaiting) return watcher.dropped(1)
      waiting++
      batches.onEnd(span)
    },
    forceFlush: () => batches.forceFlush(),
    shutdown: () => batches.shutdown(),
  }
}

/** `ExportResultCode.SUCCESS` of @opentelemetry/core, which is not a dependency. */
const succeeded = 0
