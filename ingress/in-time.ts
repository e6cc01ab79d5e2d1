/** Waits for an answer no longer than it is worth. */
import { setTimeout as sleep } from 'node:timers/promises'

/** The answer, or `silence` where none came within that time. Rejects as the answer does. */
export async function inTime<T, S>(answer: Promise<T>, withinMs: number, silence: S): Promise<T | S> {
  const late = new AbortController()
  const timeout = sleep(withinMs, silence, { signal: late.signal, ref: false }).catch(() => silence)
  try {
    return await Promise.race([answer, timeout])
  } finally {
    late.abort()
  }
}
