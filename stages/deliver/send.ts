/** One call of a provider. */
import type { SchedulerLike } from 'rxjs'
import type { InputRecord } from '../stage.js'
import type { CallTracer } from './call-tracer.js'
import type { ProviderBinding, SendRequest, SendResult } from './providers/provider.js'

/** One call, ended at its time-out whatever the provider does, also where it breaks its contract by rejecting or
 *  throwing. */
export async function send(
  record: InputRecord<'delivery-released'>,
  binding: ProviderBinding,
  clock: SchedulerLike,
  follow: CallTracer,
): Promise<SendResult> {
  const { traceparent, ended } = follow.call(record)
  const { delivery } = record.value
  const request = { delivery, key: delivery.id, attempt: delivery.attempts.length + 1, traceparent }
  const result = await answerTo(request, binding, clock)
  ended(result)
  return result
}

function answerTo(
  request: SendRequest,
  { provider, policy }: ProviderBinding,
  clock: SchedulerLike,
): Promise<SendResult> {
  const controller = new AbortController()
  return new Promise((resolve) => {
    const ack = (result: SendResult) => {
      timeout.unsubscribe()
      resolve(result)
    }
    const timeout = clock.schedule(() => {
      controller.abort()
      resolve({ outcome: 'transient', error: `No answer within ${policy.timeoutMs} ms` })
    }, policy.timeoutMs)
    const call = async () => provider.send(request, controller.signal)
    call().then(ack, (error: unknown) => ack({ outcome: 'transient', error: faultOf(error) }))
  })
}

/** Never an error's own words: they might hold what was sent. */
export function faultOf(error: unknown): string {
  return `The provider failed with ${error instanceof Error ? error.name : typeof error}`
}
