/** The one watch of the record store, which all streams share.
 *
 *  Invariants: a change costs work only for those who asked for it, not for every open stream. A flood of changes is
 *  published in portions, and the streams' sockets are served in between, so that a reader falls behind only when it is
 *  slow itself. */
import type { Change } from '../../schemas/record.js'
import type { Records } from '../ports.js'

/** The changes that a stream wants: those that match all that is given, or every change where nothing is given. */
export interface Interest {
  /** A notification's id. */
  readonly notification?: string | undefined
  readonly recipient?: string | undefined
}

export interface Listener {
  changed(change: Change): void
  /** Changes were lost, because too many came at once. */
  missed(): void
}

export interface Attention {
  /** Resolves when no later change will be missed, and after `maxReadyMs` in any case. */
  readonly ready: Promise<void>
  end(): void
}

export interface Changes {
  attend(interest: Interest, listener: Listener): Attention
}

/** Changes that wait to be published. Beyond this number every stream is ended, because each would get less than it was
 *  promised. */
const maxWaiting = 20_000
/** What is published before the sockets are served: changes, which is as many as one stream gets, and calls of
 *  listeners. */
const portion = { changes: 128, calls: 10_000 } as const
/** How long a stream waits for the watch. It begins without the watch where the log is unavailable. */
const maxReadyMs = 2000

export function createChanges(records: Pick<Records, 'watch'>): Changes {
  const listeners = createListeners()
  const queue = changeQueue(listeners)
  let watch: ReturnType<typeof beginWatch> | null = null
  let count = 0

  return {
    attend(interest, listener) {
      const leave = listeners.enter(interest, listener)
      watch ??= beginWatch(records, queue.take)
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
          queue.clear()
        },
      }
    },
  }
}

function beginWatch(records: Pick<Records, 'watch'>, take: (change: Change) => void) {
  let end: () => void = () => undefined
  const ready = new Promise<void>((resolve) => {
    const late = setTimeout(resolve, maxReadyMs)
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

/** Holds the changes that wait to be published, and publishes them a portion at a time. */
function changeQueue(listeners: Listeners) {
  let waiting: Change[] = []

  return {
    take(change: Change): void {
      if (waiting.length >= maxWaiting) {
        waiting = []
        for (const listener of listeners.all()) listener.missed()
        return
      }
      if (waiting.push(change) === 1) setImmediate(publishPortion)
    },
    clear(): void {
      waiting = []
    },
  }

  function publishPortion(): void {
    const publishing = waiting
    let calls = 0
    let at = 0
    for (; at < publishing.length && at < portion.changes && calls < portion.calls; at++) {
      const change = publishing[at]
      if (change) calls += publish(change)
    }
    // A listener may have ended the last stream, which clears the queue.
    waiting = waiting === publishing ? publishing.slice(at) : waiting
    if (waiting.length > 0) setImmediate(publishPortion)
  }

  function publish(change: Change): number {
    let calls = 0
    for (const group of listeners.groupsFor(change)) {
      for (const listener of group) {
        calls += 1
        listener.changed(change)
      }
    }
    return calls
  }
}

type Group = Set<Listener>

/** The listeners by what they are interested in. */
interface Listeners {
  /** Returns the function that removes the listener. */
  enter(interest: Interest, listener: Listener): () => void
  /** The listeners that a change may concern. */
  groupsFor(change: Change): readonly Iterable<Listener>[]
  all(): readonly Listener[]
}

function createListeners(): Listeners {
  const everything: Group = new Set()
  const byNotification = new Map<string, Group>()
  const byRecipient = new Map<string, Group>()

  return {
    enter({ notification, recipient }, listener) {
      // A new object, because the same listener may enter twice.
      const own: Listener = {
        changed: (change) => {
          if (recipient === undefined || change.recipient === recipient) listener.changed(change)
        },
        missed: () => listener.missed(),
      }
      if (notification !== undefined) return enterKeyed(byNotification, notification, own)
      if (recipient !== undefined) return enterKeyed(byRecipient, recipient, own)
      return enterGroup(everything, own)
    },
    groupsFor: ({ id, recipient }) => [everything, byNotification.get(id) ?? [], byRecipient.get(recipient) ?? []],
    all: () => [everything, ...byNotification.values(), ...byRecipient.values()].flatMap((group) => [...group]),
  }
}

function enterKeyed(groups: Map<string, Group>, key: string, listener: Listener): () => void {
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
