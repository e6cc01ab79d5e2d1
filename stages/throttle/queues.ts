/** What waits in memory for its turn, lane by lane, in the order in which it came. Bounded by the stage's mailbox. */

import type { EventName } from '../../schemas/avro.js'
import { type Lane, lanes } from '../../schemas/streams.js'
import type { InputRecord, Scope } from '../stage.js'

export interface Queues<I extends EventName> {
  add(record: InputRecord<I>): void
  in(lane: Lane): readonly InputRecord<I>[]
  /** The first so many of a lane are done with. */
  shift(lane: Lane, count: number): void
  /** Takes out what stands in these scopes, and gives it back. */
  remove(scopes: readonly Scope[]): readonly InputRecord<I>[]
}

export function queues<I extends EventName>(): Queues<I> {
  const byLane: Record<Lane, InputRecord<I>[]> = { high: [], normal: [], low: [] }
  return {
    add: (record) => void byLane[record.scope.lane].push(record),
    in: (lane) => byLane[lane],
    shift(lane, count) {
      byLane[lane] = count === byLane[lane].length ? [] : byLane[lane].slice(count)
    },
    remove(scopes) {
      const isIn = ({ scope }: InputRecord<I>) => scopes.includes(scope)
      const removed = lanes.flatMap((lane) => byLane[lane].filter(isIn))
      if (removed.length > 0) for (const lane of lanes) byLane[lane] = byLane[lane].filter((record) => !isIn(record))
      return removed
    },
  }
}
