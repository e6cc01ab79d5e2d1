/** Places in the order in which messages arrived in an inbox. Pure.
 *
 *  Messages have no common number here, only the time by the clock of who put them, and a message may come to be seen
 *  after one with a later time. So a place says up to where nothing more is looked for, a while back, and which messages
 *  after that were given. */
import { createHash } from 'node:crypto'
import { cursorAt, placeOf } from '../pages.js'

/** A message may come to be seen this long after a later one: clocks differ, and a write may be tried twice. */
export const lookBackMs = 10_000
/** Given messages that a place knows, at most: of more in that time, the oldest are not looked behind. */
export const maxGiven = 50

/** What a message is ordered by. */
export interface Arrived {
  readonly id: string
  /** When it was put, in milliseconds since the epoch. */
  readonly arrivedAtMs: number
}

export interface ArrivalPlace {
  /** Nothing up to here is looked for any more. */
  readonly floor: Arrived
  /** Marks of what was given after the floor. */
  readonly given: ReadonlySet<string>
}

/** Before all messages. */
export const beforeAll: ArrivalPlace = { floor: { id: '', arrivedAtMs: 0 }, given: new Set() }

/** The place that `text` names; throws `BadCursor` for one of another inbox. */
export function readPlace(inbox: readonly string[], text: string): ArrivalPlace {
  const [arrivedAtMs, id, marks] = placeOf<[number, string, string]>(inbox, text, [0, '', '']) ?? [0, '', '']
  return { floor: { id, arrivedAtMs }, given: new Set(marks.split(' ').filter(Boolean)) }
}

export function writePlace(inbox: readonly string[], { floor, given }: ArrivalPlace): string {
  return cursorAt(inbox, [floor.arrivedAtMs, floor.id, [...given].join(' ')])
}

/** Those of the messages read after a place's floor, in order, that were not given before: `limit` at most, each with
 *  the place behind it. `complete`: there are no more to read. */
export function arrivalsIn<T extends Arrived>(
  read: readonly T[],
  place: ArrivalPlace,
  { limit, complete, nowMs }: { readonly limit: number; readonly complete: boolean; readonly nowMs: number },
): readonly { readonly message: T; readonly place: ArrivalPlace }[] {
  const open = new Set(read.filter((message) => !place.given.has(markOf(message))))
  return [...open].slice(0, limit).map((message) => {
    open.delete(message)
    const given = read.filter((one) => !open.has(one))
    const [next] = open
    return { message, place: placeAfter(place, { given, next, complete }, nowMs) }
  })
}

/** What was read after a place's floor, in order. */
export interface Reading {
  /** Messages that are given now or were before, the first ones first. */
  readonly given: readonly Arrived[]
  /** The first that is not given yet: the floor stays before it. */
  readonly next: Arrived | undefined
  /** False: there may be more, also of those that were given before. */
  readonly complete: boolean
}

/** The place behind what was read after `place`. */
export function placeAfter(place: ArrivalPlace, { given, next, complete }: Reading, nowMs: number): ArrivalPlace {
  // A clock that is ahead must not hide what others put by theirs.
  const settledMs = Math.min(given.at(-1)?.arrivedAtMs ?? 0, nowMs) - lookBackMs
  const firstKept = given.findIndex(
    (message, at) =>
      (message.arrivedAtMs > settledMs && given.length - at <= maxGiven) || (next && isBefore(next, message)),
  )
  const kept = firstKept < 0 ? [] : given.slice(firstKept)
  const { id, arrivedAtMs } = given[given.length - kept.length - 1] ?? place.floor
  const marks = kept.map(markOf)
  return { floor: { id, arrivedAtMs }, given: new Set(complete ? marks : [...marks, ...unread(place, given)]) }
}

/** Marks of what was given before, and lies behind what was read. */
function unread(place: ArrivalPlace, read: readonly Arrived[]): readonly string[] {
  const marks = new Set(read.map(markOf))
  return [...place.given].filter((mark) => !marks.has(mark))
}

function isBefore(a: Arrived, b: Arrived): boolean {
  return a.arrivedAtMs < b.arrivedAtMs || (a.arrivedAtMs === b.arrivedAtMs && a.id < b.id)
}

/** Short, for a place goes over the wire with each message. */
function markOf({ id }: Arrived): string {
  return createHash('sha256').update(id).digest('base64url').slice(0, 8)
}
