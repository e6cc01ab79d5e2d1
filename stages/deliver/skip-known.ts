/** Takes out of each batch what must not be called: what was done already, what was called and whose answer is awaited
 *  or lost, and what no provider carries. */
import { map, type OperatorFunction } from 'rxjs'
import type { Batch, Scope } from '../stage.js'
import type { InFlightCalls } from './in-flight-calls.js'
import type { Ledger } from './ledger.js'
import type { ProviderBinding } from './providers/provider.js'
import type { CallInFlight, ReleasedRecord, Result, Screened } from './work.js'

export interface SkipKnownPorts {
  readonly bindings: ReadonlyMap<string, ProviderBinding>
  readonly ledgerOf: (scope: Scope) => Ledger
  readonly inFlight: InFlightCalls
}

export function skipKnown(ports: SkipKnownPorts): OperatorFunction<Batch<'delivery-released'>, Screened> {
  return map(({ records }) => {
    const toCall: ReleasedRecord[] = []
    const others: (CallInFlight | Result)[] = []
    const done: ReleasedRecord[] = []
    for (const record of records) {
      const found = find(record, ports)
      if (found === 'to-call') toCall.push(record)
      else if (found === 'done') done.push(record)
      else others.push(found)
    }
    if (done.length > 0) others.push({ kind: 'known', records: done })
    return { toCall, others }
  })
}

function find(
  record: ReleasedRecord,
  { bindings, ledgerOf, inFlight }: SkipKnownPorts,
): 'to-call' | 'done' | CallInFlight | Result {
  const { delivery } = record.value
  const binding = bindings.get(delivery.provider)
  if (!binding) {
    const detail = `No provider is called ${delivery.provider} now`
    return { kind: 'failed', record, cause: 'unknown-provider', detail }
  }
  // Nobody can have worked on it before: the ledger need not be read.
  if (record.firstDelivery) return 'to-call'
  const known = ledgerOf(record.scope).know(delivery)
  if (known === 'done') return 'done'
  const call = inFlight.find(delivery)
  if (call) return { kind: 'in-flight', record, binding, call }
  if (known === 'nothing') return 'to-call'
  const detail = 'It was called, and the answer was lost; see to it by hand'
  return { kind: 'failed', record, cause: 'unknown-outcome', detail }
}
