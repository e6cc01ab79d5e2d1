/** The events that come to a way, for whoever only listens. */
import { concatMap, filter, mergeAll, type Observable } from 'rxjs'
import type { EventName, EventOf } from '../../schemas/avro.js'
import type { ProviderHealth } from '../../schemas/events.js'
import { type Topic, topicOf } from '../../schemas/streams.js'
import { type Codec, PoisonError } from '../engine/codec.js'
import type { Log, LogRecord, TailOptions } from '../engine/log.js'

export interface TailedOptions extends TailOptions {
  /** Whether what cannot be read for this reason is passed over, as what can never be read is. */
  readonly passesOver?: (error: unknown) => boolean
}

/** Each event of this name. What cannot be read is passed over: there will be a next. */
export function tailedEvents<N extends EventName>(
  log: Pick<Log, 'tail'>,
  codec: Codec,
  topic: Topic,
  name: N,
  { passesOver = () => false, ...tail }: TailedOptions = {},
): Observable<EventOf<N>['value']> {
  const read = async (record: LogRecord): Promise<readonly EventOf<N>['value'][]> => {
    try {
      await codec.learn([record])
      return [codec.decode(record, [name]).value]
    } catch (error) {
      if (error instanceof PoisonError || passesOver(error)) return []
      throw error
    }
  }
  return log.tail(topic, tail).pipe(concatMap(read), mergeAll())
}

/** What breakers did, as every throttle hears it: from the topic's start on. What is past its time by now says nothing
 *  any more. */
export function providerHealth(log: Log, codec: Codec, nowMs: () => number): Observable<ProviderHealth> {
  const told = tailedEvents(log, codec, topicOf('providers.health', null, null), 'provider-health')
  return told.pipe(filter(({ state, retryAtMs }) => state === 'closed' || (retryAtMs ?? 0) > nowMs()))
}
