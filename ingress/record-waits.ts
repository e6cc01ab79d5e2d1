/** Waits for a notification's record to come to something.
 *
 *  Invariant: a change that is told cannot slip between a read and a wait, for the wait is set up before the read.
 *  One that is not told (a watch that only just began, a flood of changes) is found by looking again. */
import type { Change, NotificationRecord } from '../schemas/record.js'
import type { Records } from './ports.js'

/** Requests that may wait at once; one more is answered with what there is. */
const maxWaiters = 10_000
/** Milliseconds before a waiting request looks again by itself: at first, and at most. */
const lookAgainDefault = { firstMs: 100, mostMs: 1000 }

export interface RecordWait {
  readonly tenant: string
  readonly id: string
  readonly timeoutMs: number
  /** Whether there is nothing left to wait for. */
  readonly isDone: (record: NotificationRecord | undefined) => boolean
  /** Runs once changes are watched, before the first read. */
  readonly begin?: () => Promise<void>
  /** Ends the wait early: the caller is gone. */
  readonly signal?: AbortSignal
}

export interface RecordWaits {
  /** The record once `isDone` says so, or as it stands when the time is up. */
  wait(wait: RecordWait): Promise<NotificationRecord | undefined>
}

export function createRecordWaits(records: Records, lookAgain = lookAgainDefault): RecordWaits {
  const subscribe = createSubscriptions(records)

  return {
    async wait({ tenant, id, timeoutMs, isDone, begin, signal }) {
      const wakeUp = createWakeUp()
      const unsubscribe = timeoutMs > 0 ? subscribe(id, wakeUp.ring) : null
      let expired = unsubscribe === null
      const expire = () => {
        expired = true
        wakeUp.ring()
      }
      const timer = expired ? undefined : setTimeout(expire, timeoutMs)
      signal?.addEventListener('abort', expire, { once: true })
      try {
        await begin?.()
        for (let untilLookMs = lookAgain.firstMs; ; untilLookMs = Math.min(2 * untilLookMs, lookAgain.mostMs)) {
          const last = expired
          const record = await records.get(tenant, id)
          if (last || isDone(record)) return record
          await wakeUp.heard(untilLookMs)
        }
      } finally {
        clearTimeout(timer)
        signal?.removeEventListener('abort', expire)
        unsubscribe?.()
      }
    },
  }
}

/** One watch of the store for all who wait, and none while nobody does. Null when too many do. */
function createSubscriptions(records: Records) {
  const listeners = new Map<string, Set<() => void>>()
  let count = 0
  let unwatch: (() => void) | null = null
  const tell = ({ id, status }: Change) => {
    if (status === null) return
    for (const listener of listeners.get(id) ?? []) listener()
  }

  return (id: string, listener: () => void): (() => void) | null => {
    if (count >= maxWaiters) return null
    count += 1
    unwatch ??= records.watch(tell)
    const own = listeners.get(id) ?? new Set()
    listeners.set(id, own.add(listener))
    return () => {
      count -= 1
      own.delete(listener)
      if (own.size === 0) listeners.delete(id)
      if (count > 0) return
      unwatch?.()
      unwatch = null
    }
  }
}

/** A bell that remembers having rung. */
function createWakeUp() {
  let rung = false
  let resolve: (() => void) | null = null
  const ring = () => {
    rung = true
    resolve?.()
  }
  return {
    ring,
    /** Resolves when it rings or rang, at the latest after `withinMs`. */
    heard: async (withinMs: number) => {
      const timer = setTimeout(ring, withinMs)
      if (!rung) {
        await new Promise<void>((done) => {
          resolve = done
        })
      }
      clearTimeout(timer)
      rung = false
    },
  }
}
