/** The one watch of the record store that all streams share.
 *
 *  Invariants: a change costs by those who asked for it, not by those who are there; and a flood of changes is told in
 *  portions, with the streams' sockets served in between, so that a reader falls behind by its own doing only. */
import type { Change } from '../../schemas/record.js'
import type { Records } from '../ports.js'

/** What a stream wants; all that is given must hold, and nothing given means everything. */
export interface Interest {
  /** A notification's id. */
  readonly notification?: string | undefined
  readonly recipient?: string | undefined
}

export interface Listener {
  changed(change: Change): void
  /** Changes were missed, for too many came at once. */
  missed(): void
}

export interface Attention {
  /** Resolves when nothing that changes from then on is missed; at the latest after a bound. */
  readonly ready: Promise<void>
  end(): void
}

export interface Changes {
  attend(interest: Interest, listener: Listener): Attention
}

/** Changes that wait to be told. Beyond it, all streams are ended: they would be told less than what was promised. */
const maxWaiting = 20_000
/** Told before the sockets are served: by changes, which is what one stream gets, and by calls of listeners. */
const portion = { changes: 128, calls: 10_000 } as const
/** For how long a stream is held up for the watch; it begins without it where the log is away. */
const readyWithinMs = 2000

type Group = Set<Listener>

export function createChanges(records: Pick<Records, 'watch'>): Changes {
  const everything: Group = new Set()
  const byNotification = new Map<string, Group>()
  const byRecipient = new Map<string, Group>()
  let waiting: Change[] = []
  let watch: { readonly ready: Promise<void>; readonly end: () => void } | null = null
  let count = 0

  return {
    attend({ notification, recipient }, listener) {
      const own: Listener = {
        changed: (change) => {
          if (recipient === undefined || change.recipient === recipient) listener.changed(change)
        },
        missed: () => listener.missed(),
      }
      const leave =
        notification !== undefined
          ? enter(byNotification, notification, own)
          : recipient !== undefined
            ? enter(byRecipient, recipient, own)
            : enterGroup(everything, own)
      watch ??= beginWatch()
      count += 1
      let ended = false
      return {
        ready: watch.ready,
        end() {
          if (ended) return
          ended = true
          leave()
          count -= 1
          if (count > 0) return
          watch?.end()
          watch = null
          waiting = []
        },
      }
    },
  }

  function beginWatch() {
    let end: () => void = () => undefined
    const ready = new Promise<void>((resolve) => {
      const late = setTimeout(resolve, readyWithinMs)
      const unwatch = records.watch(take, () => {
        clearTimeout(late)
        resolve()
      })
      end = () => {
        clearTimeout(late)
        resolve()
        unwatch()
      }
    })
    return { ready, end }
  }

  function take(change: Change): void {
    if (waiting.length >= maxWaiting) {
      waiting = []
      for (const listener of all()) listener.missed()
      return
    }
    if (waiting.push(change) === 1) setImmediate(tell)
  }

  function tell(): void {
    const told = waiting
    let calls = 0
    let at = 0
    for (; at < told.length && at < portion.changes && calls < portion.calls; at++) {
      const change = told[at]
      if (change) calls += tellOne(change)
    }
    // The last stream may have ended meanwhile.
    waiting = waiting === told ? told.slice(at) : waiting
    if (waiting.length > 0) setImmediate(tell)
  }

  function tellOne(change: Change): number {
    let calls = 0
    for (const group of [everything, byNotification.get(change.id), byRecipient.get(change.recipient)]) {
      for (const listener of group ?? []) {
        calls += 1
        listener.changed(change)
      }
    }
    return calls
  }

  function all(): Listener[] {
    return [everything, ...byNotification.values(), ...byRecipient.values()].flatMap((group) => [...group])
  }
}

function enter(groups: Map<string, Group>, key: string, listener: Listener): () => void {
  const group = groups.get(key) ?? new Set()
  groups.set(key, group)
  const leave = enterGroup(group, listener)
  return () => {
    leave()
    if (group.size === 0 && groups.get(key) === group) groups.delete(key)
  }
}

function enterGroup(group: Group, listener: Listener): () => void {
  group.add(listener)
  return () => group.delete(listener)
}
