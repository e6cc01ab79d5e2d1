import { expect, test } from 'vitest'
import { released } from '../../../schemas/outgoing.js'
import type { InputRecord } from '../../../stages/stage.js'
import { keptTraces, treeOf } from '../../../testing/observe/tracing/spans-sample.js'
import { sampleRequest } from '../../../testing/stages/deliver/delivery-sample.js'

function recordOf(): InputRecord<'delivery-released'> {
  const { delivery } = sampleRequest()
  const place = { recordId: 'deliveries.released-0-1', scope: { lane: 'normal', partition: 0 } as const }
  return { ...released(delivery, 1), ...place, timestampMs: 1, headers: {}, firstDelivery: true }
}

test('a call that fails when its record is another owner’s is told whole, and nothing is kept of it', async () => {
  const kept = await keptTraces()
  const worker = kept.tracing.worker('deliver', 'deliveries.released')
  const record = recordOf()
  worker.given?.([record])
  const call = kept.tracing.callTracer.call(record)
  worker.left?.([record], null)
  call.ended({ outcome: 'transient', error: 'busy' })
  expect(kept.tracing.callTracer.after(record)).toBeNull()
  const tell = ({ name, fields }: { readonly name: string; readonly fields: Readonly<Record<string, unknown>> }) =>
    `${name}: ${fields['carillon.outcome']}`
  expect(treeOf(await kept.spans(), tell)).toEqual([['deliver deliveries.released: left', ['attempt test: transient']]])
})
