/** Assigns a group's partitions to its consumers. The assignment is cooperative: a partition moves only when it has to.
 *
 *  Invariant: a partition has at most one owner, and it is revoked only after its owner has acked or the time-out has
 *  passed. */
import { catchError, defer, firstValueFrom, type Observable, race, type SchedulerLike, Subject, timer } from 'rxjs'

/** A consumer's membership of its group. */
export interface Seat {
  /** True while the partition is assigned to the consumer and not being revoked. */
  isKept(partition: number): boolean
  /** Releases every partition at once. */
  vacate(): void
}

/** What a consumer is told about its partitions. */
export interface Occupant {
  /** Called before partitions are revoked. The consumer keeps them until the promise settles. */
  readonly ack: (partitions: readonly number[]) => Promise<void>
  /** Called with all assigned partitions, ascending, after they changed. */
  readonly changed: (partitions: readonly number[]) => void
}

/** The partitions of one group. */
export interface PartitionShares {
  enter(occupant: Occupant): Seat
}

interface Place extends Occupant {
  readonly owned: Set<number>
  readonly revoked: Set<number>
  readonly gone: Subject<void>
}

/** No partition is assigned yet. `revokeTimeoutMs` bounds how long a consumer may keep partitions being revoked. */
export function partitionShares(partitions: number, revokeTimeoutMs: number, clock: SchedulerLike): PartitionShares {
  const places: Place[] = []
  let moving = false

  const rebalance = async (): Promise<void> => {
    assignFree(places, partitions)
    if (moving) return
    moving = true
    for (;;) {
      const shares = sharesOf(places, partitions)
      const over = places.filter((place) => place.owned.size > (shares.get(place) ?? 0))
      if (over.length === 0) break
      await Promise.all(over.map((place) => revokeExcess(place, shares.get(place) ?? 0, timer(revokeTimeoutMs, clock))))
      assignFree(places, partitions)
    }
    moving = false
  }

  return {
    enter(occupant) {
      const place: Place = { ...occupant, owned: new Set(), revoked: new Set(), gone: new Subject() }
      places.push(place)
      void rebalance()
      return {
        isKept: (partition) => place.owned.has(partition) && !place.revoked.has(partition),
        vacate: () => {
          const index = places.indexOf(place)
          if (index < 0) return
          places.splice(index, 1)
          place.owned.clear()
          place.changed([])
          place.gone.next()
          void rebalance()
        },
      }
    },
  }
}

/** Assigns the partitions without an owner to the consumers that have less than their share. */
function assignFree(places: readonly Place[], partitions: number): void {
  const shares = sharesOf(places, partitions)
  const free = Array.from({ length: partitions }, (_, partition) => partition).filter(
    (partition) => !places.some(({ owned }) => owned.has(partition)),
  )
  for (const place of places) {
    const taken = free.splice(0, Math.max(0, (shares.get(place) ?? 0) - place.owned.size))
    for (const partition of taken) place.owned.add(partition)
    if (taken.length > 0) place.changed(ascending(place.owned))
  }
}

/** Revokes what a consumer has beyond its share, once it has acked, `timedOut` has fired, or it has left. */
async function revokeExcess(place: Place, share: number, timedOut: Observable<unknown>): Promise<void> {
  const excess = ascending(place.owned).slice(share)
  for (const partition of excess) place.revoked.add(partition)
  const acked = defer(() => place.ack(excess)).pipe(
    // Whether the consumer acked or failed to, the next owner reads again what was not committed.
    catchError(() => [undefined]),
  )
  await firstValueFrom(race(acked, timedOut, place.gone))
  const lost = excess.filter((partition) => place.owned.delete(partition))
  place.revoked.clear()
  if (lost.length > 0) place.changed(ascending(place.owned))
}

/** How many partitions each consumer is to have: the same number, and the remainder stays with those that have most. */
function sharesOf(places: readonly Place[], partitions: number): Map<Place, number> {
  const even = Math.floor(partitions / places.length)
  const odd = partitions % places.length
  const fullestFirst = [...places].sort((a, b) => b.owned.size - a.owned.size)
  return new Map(fullestFirst.map((place, index) => [place, even + (index < odd ? 1 : 0)]))
}

function ascending(partitions: ReadonlySet<number>): number[] {
  return [...partitions].sort((a, b) => a - b)
}
