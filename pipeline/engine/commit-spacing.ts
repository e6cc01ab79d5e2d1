/** Keeps commits apart where they cost by the commit, while they ack many records. A trickle waits for nothing. */
import { filter, firstValueFrom, type Observable, race, type SchedulerLike, timer } from 'rxjs'

export interface CommitSpacing {
  /** Told when a commit begins. */
  began(acked: number): void
  /** Resolves when the next may begin, or when `isUrgent`, which is asked at every change. */
  passed(changed: Observable<unknown>, isUrgent: () => boolean): Promise<void>
}

/** A commit that acks as many is no trickle's: the next will be the larger for a wait. */
const manySettled = 64

/** `everyMs`: between the beginnings of two commits; 0: they follow each other at once. */
export function commitSpacing(everyMs: number, clock: SchedulerLike): CommitSpacing {
  let beganAtMs = 0
  let last = 0
  return {
    began(acked) {
      beganAtMs = clock.now()
      last = acked
    },
    async passed(changed, isUrgent) {
      const leftMs = Math.min(everyMs, beganAtMs + everyMs - clock.now())
      if (last < manySettled || leftMs <= 0 || isUrgent()) return
      const urged = changed.pipe(filter(isUrgent))
      await firstValueFrom(race(timer(leftMs, clock), urged), { defaultValue: undefined })
    },
  }
}
