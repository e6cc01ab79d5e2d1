/** Shares a group's partitions out among its members, cooperatively: only what has to move moves.
 *
 *  Invariant: a partition has at most one owner, and it moves only after its owner was heard or the bound passed. */
import { catchError, defer, firstValueFrom, race, type SchedulerLike, Subject, timer } from 'rxjs'

/** A member's place in its group. */
export interface Seat {
  /** True while a partition is owned and not being taken away. */
  isKept(partition: number): boolean
  /** Gives everything back at once. */
  vacate(): void
}

/** What a member wants to know about its partitions. */
export interface Occupant {
  /** Called before partitions go; they stay until it acks. */
  readonly ack: (partitions: readonly number[]) => Promise<void>
  /** Called with what it owns, ascending, after that changed. */
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

/** Nobody owns anything yet. `revokeTimeoutMs` bounds how long a member may hold what it has to give. */
export function partitionShares(partitions: number, revokeTimeoutMs: number, clock: SchedulerLike): PartitionShares {
  const places: Place[] = []
  let moving = false

  /** Gives what nobody owns to those who have less than their share. */
  const handOut = (): void => {
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

  const takeBack = async (place: Place, share: number): Promise<void> => {
    const excess = ascending(place.owned).slice(share)
    for (const partition of excess) place.revoked.add(partition)
    const acked = defer(() => place.ack(excess)).pipe(
      // Whether it acked or failed to, the work not committed is read again by the next owner.
      catchError(() => [undefined]),
    )
    await firstValueFrom(race(acked, timer(revokeTimeoutMs, clock), place.gone))
    const lost = excess.filter((partition) => place.owned.delete(partition))
    place.revoked.clear()
    if (lost.length > 0) place.changed(ascending(place.owned))
  }

  const rebalance = async (): Promise<void> => {
    handOut()
    if (moving) return
    moving = true
    for (;;) {
      const shares = sharesOf(places, partitions)
      const over = places.filter((place) => place.owned.size > (shares.get(place) ?? 0))
      if (over.length === 0) break
      await Promise.all(over.map((place) => takeBack(place, shares.get(place) ?? 0)))
      handOut()
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

/** How many partitions each may own: even parts; the odd ones stay with those who have most already. */
function sharesOf(places: readonly Place[], partitions: number): Map<Place, number> {
  const even = Math.floor(partitions / places.length)
  const odd = partitions % places.length
  const fullestFirst = [...places].sort((a, b) => b.owned.size - a.owned.size)
  return new Map(fullestFirst.map((place, index) => [place, even + (index < odd ? 1 : 0)]))
}

function ascending(partitions: ReadonlySet<number>): number[] {
  return [...partitions].sort((a, b) => a - b)
}
