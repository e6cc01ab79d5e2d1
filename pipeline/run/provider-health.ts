/** What breakers did, as every throttle hears it. */
import { filter, type Observable } from 'rxjs'
import type { ProviderHealth } from '../../schemas/events.js'
import { topicOf } from '../../schemas/streams.js'
import type { Codec } from '../engine/codec.js'
import type { Log } from '../engine/log.js'
import { tailedEvents } from './tailed-events.js'

/** From the topic's start on; what is past its time by now says nothing any more. */
export function providerHealth(log: Log, codec: Codec, nowMs: () => number): Observable<ProviderHealth> {
  const told = tailedEvents(log, codec, topicOf('providers.health', null, null), 'provider-health')
  return told.pipe(filter(({ state, retryAtMs }) => state === 'closed' || (retryAtMs ?? 0) > nowMs()))
}
