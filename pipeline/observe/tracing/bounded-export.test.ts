import { setTimeout as sleep } from 'node:timers/promises'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace'
import { expect, test } from 'vitest'
import { maxWaiting } from './bounded-export.js'
import { openRecorder } from './open-recorder.js'

type Done = Parameters<SpanExporter['export']>[1]

/** An exporter that answers when the test does. */
function held() {
  const batches: { readonly spans: ReadableSpan[]; readonly done: Done }[] = []
  const exporter: SpanExporter = {
    export: (spans, done) => void batches.push({ spans, done }),
    shutdown: async () => undefined,
  }
  return { batches, exporter }
}

function recorderWith(exporter: SpanExporter) {
  const seen = { dropped: 0, failures: [] as unknown[] }
  const recorder = openRecorder({
    ...{ url: 'http://127.0.0.1:9', headers: {}, sampleRatio: 1, resource: {}, exporter },
    watcher: {
      dropped: (count) => {
        seen.dropped += count
      },
      failed: (error) => void seen.failures.push(error),
    },
  })
  const span = (forced = false) => recorder.begin({ name: 'one', kind: 'internal', parent: null, fields: [], forced })
  return { recorder, seen, span }
}

test('while the exporter does not answer, spans wait up to a bound, and the others are counted as lost', () => {
  const { batches, exporter } = held()
  const { seen, span } = recorderWith(exporter)
  for (let count = 0; count < maxWaiting + 612; count++) span().end()
  expect([batches.length, batches[0]?.spans.length, seen.dropped]).toEqual([1, 512, 100])
  // What is only recorded because it failed is not even made.
  expect([span(true).recorded, seen.dropped]).toEqual([false, 101])
})

test('an export that fails is told, and its spans are counted as lost', async () => {
  const error = new Error('the collector is away')
  const { seen, recorder, span } = recorderWith({
    export: (_, done) => done({ code: 1, error }),
    shutdown: async () => undefined,
  })
  for (let count = 0; count < 3; count++) span().end()
  await recorder.flush()
  expect(seen).toEqual({ dropped: 3, failures: [error] })
})

test('the end waits for the last export, but not for ever', async () => {
  const { batches, exporter } = held()
  const { recorder, span } = recorderWith(exporter)
  span().end()
  const closed = recorder.close()
  const first = await Promise.race([closed.then(() => 'closed'), sleep(50, 'waits')])
  expect([first, batches.length, await closed]).toEqual(['waits', 1, undefined])
})
