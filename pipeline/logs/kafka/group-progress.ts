/** What this process knows of the groups' positions: at once of its own members, and of others what they tell in the
 *  group's progress. */

import type { Message } from 'node-rdkafka'
import { Observable, Subject, type Subscription } from 'rxjs'
import type { Assignment, Position } from '../../engine/log.js'
import { nameOf } from '../../engine/topic-partition.js'
import { decodeProgress, type Progress } from './progress.js'

export interface GroupProgress {
  /** What is known of a group in a partition. */
  progress(group: string, place: Assignment): Progress | undefined
  /** The end of a partition, as far as known. */
  end(place: Assignment): number
  /** A partition reaches at least up to there. */
  noteEnd(place: Assignment, end: number): void
  /** A member of this process took a partition over. */
  note(group: string, place: Assignment, progress: Progress): void
  /** A member of this process committed. */
  committed(group: string, moved: readonly { readonly position: Position; readonly count: number }[]): void
  /** The broker was asked what a group has committed. */
  heard(group: string, offsets: readonly { readonly place: Assignment; readonly next: number }[]): void
  acks(group: string): Observable<void>
}

/** `watch` tells the group's progress records, of all processes. */
export function groupProgressCache(watch: (group: string) => Observable<readonly Message[]>): GroupProgress {
  const known = new Map<string, Map<string, Progress>>()
  const ends = new Map<string, number>()
  const moved = new Map<string, Subject<void>>()

  const ofGroup = (group: string): Map<string, Progress> => {
    const found = known.get(group) ?? new Map<string, Progress>()
    known.set(group, found)
    return found
  }
  const movedOf = (group: string): Subject<void> => {
    const found = moved.get(group) ?? new Subject<void>()
    moved.set(group, found)
    return found
  }
  const hear = (group: string, messages: readonly Message[]): void => {
    const own = ofGroup(group)
    let news = false
    for (const message of messages) {
      const read = decodeProgress(message)
      if (!read || read.progress.count <= (own.get(read.place)?.count ?? 0)) continue
      own.set(read.place, read.progress)
      news = true
    }
    if (news) movedOf(group).next()
  }

  return {
    progress: (group, place) => known.get(group)?.get(nameOf(place)),
    end: (place) => ends.get(nameOf(place)) ?? 0,
    noteEnd(place, end) {
      const name = nameOf(place)
      if (end > (ends.get(name) ?? 0)) ends.set(name, end)
    },
    note(group, place, progress) {
      if (progress.count >= (ofGroup(group).get(nameOf(place))?.count ?? 0)) ofGroup(group).set(nameOf(place), progress)
    },
    committed(group, positions) {
      const own = ofGroup(group)
      for (const { position, count } of positions) {
        const { next, ackedAhead } = position
        own.set(nameOf(position), { next, ackedAhead, count })
      }
      if (positions.length > 0) movedOf(group).next()
    },
    heard(group, offsets) {
      const own = ofGroup(group)
      const news = offsets.filter(({ place, next }) => next > (own.get(nameOf(place))?.next ?? -1))
      for (const { place, next } of news) {
        const before = own.get(nameOf(place))
        const ackedAhead = before?.ackedAhead.filter((offset) => offset >= next) ?? []
        own.set(nameOf(place), { next, ackedAhead, count: Math.max(before?.count ?? 0, next + ackedAhead.length) })
      }
      if (news.length > 0) movedOf(group).next()
    },
    acks: (group) =>
      new Observable((subscriber) => {
        const own = movedOf(group).subscribe(() => subscriber.next())
        const watching: Subscription = watch(group).subscribe((messages) => hear(group, messages))
        return () => {
          own.unsubscribe()
          watching.unsubscribe()
        }
      }),
  }
}
