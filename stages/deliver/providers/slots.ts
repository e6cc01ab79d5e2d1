/** A bound on things open at once: who comes when all are taken waits in line. */

export interface Slots {
  /** Taken now. */
  readonly taken: () => number
  /** Resolves with the function that gives the slot back, which may be called again to no effect. Rejects with the
   *  signal's reason when it aborts first. Those who wait are as many as the callers: each of them must be bounded. */
  acquire(signal: AbortSignal): Promise<() => void>
}

/** `count` slots, first come, first served. */
export function slots(count: number): Slots {
  const waiting = new Set<() => void>()
  let taken = 0

  const release = () => {
    const next = waiting.values().next()
    if (next.done) taken -= 1
    else next.value()
  }
  const grant = () => {
    let held = true
    return () => {
      if (held) release()
      held = false
    }
  }

  return {
    taken: () => taken,
    acquire: async (signal) => {
      signal.throwIfAborted()
      if (taken < count) {
        taken += 1
        return grant()
      }
      await new Promise<void>((resolve, reject) => {
        const onAbort = () => {
          waiting.delete(take)
          reject(signal.reason)
        }
        const take = () => {
          waiting.delete(take)
          signal.removeEventListener('abort', onAbort)
          resolve()
        }
        signal.addEventListener('abort', onAbort, { once: true })
        waiting.add(take)
      })
      return grant()
    },
  }
}
