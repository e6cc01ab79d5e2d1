/** Counts what a run lost and what it did twice: at the stub provider, in each topic and in the record store. */
import type { TopicName } from '../schemas/topics.js'
import { benchChannels, deliveryKey } from './notifications.js'
import type { Place } from './place.js'
import type { StubReport } from './stub-provider.js'
import { idsOn } from './topic-events.js'

export interface Tally {
  /** Notifications accepted that are missing in at least one place. */
  readonly lost: number
  /** Calls, and records of topics, that stand for none or for one that was there before; of all places. */
  readonly duplicates: number
  /** The same by place. */
  readonly places: readonly { readonly name: string; readonly missing: number; readonly extra: number }[]
}

/** What a run should have brought. */
export interface Expected {
  /** Written to notifications.requested. */
  readonly accepted: readonly string[]
  /** Written behind it, to notifications.accepted; none unless said. */
  readonly probes?: readonly string[]
}

/** Each must hold every notification exactly once. */
const counted = [
  'notifications.requested',
  'notifications.accepted',
  'notifications.rendered',
  'deliveries.routed',
  'deliveries.released',
] as const satisfies readonly TopicName[]

/** Of a Carillon whose engine has closed. What is wrong keeps the place. */
export async function tallyRun(
  place: Place,
  { accepted, probes = [] }: Expected,
  reports: readonly StubReport[],
  ended: readonly string[],
): Promise<Tally> {
  const tally = tallyOf([...accepted, ...probes])
  const keys = reports.flatMap(({ firstAtMs }) => [...firstAtMs.keys()])
  const repeats = reports.reduce((sum, report) => sum + report.repeats, 0)
  tally.count('stub provider', keys.map(notificationOf), repeats)
  // The probes have gone past the first topic.
  await countTopics(tally, place, (requested) => [...requested, ...probes])
  tally.count('record store', ended)
  const total = tally.total()
  if (total.lost > 0 || total.duplicates > 0) place.keep()
  return total
}

/** Of the topics alone. A request whose answer was lost is asked again, so the first one may hold twins: dedupe drops
 *  them. */
export async function tallyTopics(place: Place, accepted: readonly string[]): Promise<Tally> {
  const tally = tallyOf(accepted)
  await countTopics(tally, place, (requested) => new Set(requested))
  return tally.total()
}

async function countTopics(
  tally: ReturnType<typeof tallyOf>,
  place: Place,
  ofRequested: (ids: readonly string[]) => Iterable<string>,
): Promise<void> {
  for (const topic of counted) {
    const ids = await idsOn(place, topic)
    tally.count(topic, topic === 'notifications.requested' ? ofRequested(ids) : ids)
  }
}

/** Compares places with what was accepted. */
export function tallyOf(accepted: readonly string[]) {
  const lost = new Set<string>()
  const places: Tally['places'][number][] = []
  return {
    /** `repeats`: what stood there a second time and is not among `ids`. */
    count(name: string, ids: Iterable<string>, repeats = 0): void {
      const missing = new Set(accepted)
      let extra = repeats
      for (const id of ids) if (!missing.delete(id)) extra++
      for (const id of missing) lost.add(id)
      places.push({ name, missing: missing.size, extra })
    },
    total: (): Tally => ({
      lost: lost.size,
      duplicates: places.reduce((sum, { extra }) => sum + extra, 0),
      places,
    }),
  }
}

/** The notification whose delivery the provider was called for; the key itself where it is none of the bench's. */
function notificationOf(key: string): string {
  const id = key.slice(0, key.indexOf('.'))
  return benchChannels.some((channel) => deliveryKey(id, channel) === key) ? id : key
}
