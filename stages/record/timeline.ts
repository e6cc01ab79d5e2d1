/** The timeline that the API shows: the trail, with repeated deferrals told once.
 *
 *  It is made when it is read, not when events are merged: counting while merging would count a repeated event twice. */
import type { TrailEntry } from '../../schemas/events.js'
import type { TimelineEntry } from '../../schemas/record.js'
import { rfc3339 } from './rfc3339.js'

/** What begins a round that may repeat: put off without an attempt. */
const roundStart = 'deferred'

interface Line {
  readonly entry: TrailEntry
  count: number
}

/** One channel's way through its rounds. */
interface Rounds {
  /** The round that later ones are counted in. */
  readonly shown: readonly Line[]
  /** What came since the last deferral. */
  readonly current: Line[]
}

/** A round from one deferral to the next that says what the round before said is counted there, not shown again.
 *  `at` is that of the first. Where the trail was capped, so is the count. */
export function timelineOf(trail: readonly TrailEntry[]): readonly TimelineEntry[] {
  const lines: Line[] = trail.map((entry) => ({ entry, count: 1 }))
  if (!trail.some(({ event }) => event === roundStart)) return lines.map(showLine)
  const folded = new Set<Line>()
  const channels = new Map<string | null, Rounds>()
  for (const line of lines) {
    const { channel, event } = line.entry
    const rounds = channels.get(channel)
    if (event === roundStart) channels.set(channel, { shown: rounds ? fold(rounds, folded) : [], current: [line] })
    else rounds?.current.push(line)
  }
  for (const rounds of channels.values()) fold(rounds, folded)
  return lines.filter((line) => !folded.has(line)).map(showLine)
}

/** Counts the current round in the shown one if it begins with all of it. Returns the round to count the next in. */
function fold({ shown, current }: Rounds, folded: Set<Line>): readonly Line[] {
  if (shown.length === 0 || !shown.every((line, at) => saysSame(line.entry, current[at]?.entry))) return current
  for (const line of shown) line.count += 1
  for (const line of current.slice(0, shown.length)) folded.add(line)
  return current.length === shown.length ? shown : []
}

function saysSame(a: TrailEntry, b: TrailEntry | undefined): boolean {
  return a.stage === b?.stage && a.event === b.event && a.reason === b.reason
}

function showLine({ entry, count }: Line): TimelineEntry {
  const { atMs, stage, event, channel, reason, detail } = entry
  return {
    at: rfc3339(atMs),
    stage,
    event,
    ...(channel !== null && { channel }),
    ...(reason !== null && { reason }),
    ...(detail !== null && { detail }),
    ...(count > 1 && { count }),
  }
}
