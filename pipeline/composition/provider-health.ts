/** What breakers did, as every throttle hears it. */
import { concatMap, filter, mergeAll, type Observable } from 'rxjs'
import type { ProviderHealth } from '../../schemas/events.js'
import { wayTo } from '../../schemas/topics.js'
import { type Codec, PoisonError } from '../engine/codec.js'
import type { Log, LogRecord } from '../engine/log.js'

/** From the topic's start on; what is past its time by now says nothing any more. */
export function providerHealth(log: Log, codec: Codec, nowMs: () => number): Observable<ProviderHealth> {
  return log.tail(wayTo('providers.health', null, null)).pipe(
    concatMap((record) => healthIn(codec, record)),
    mergeAll(),
    filter(({ state, retryAtMs }) => state === 'closed' || (retryAtMs ?? 0) > nowMs()),
  )
}

/** What a record says of a breaker; nothing where it cannot be read: the breaker's next word will be. */
async function healthIn(codec: Codec, record: LogRecord): Promise<readonly ProviderHealth[]> {
  try {
    await codec.learn([record])
    return [codec.decode(record, ['provider-health']).value]
  } catch (error) {
    if (error instanceof PoisonError) return []
    throw error
  }
}
