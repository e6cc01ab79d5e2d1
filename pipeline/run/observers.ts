/** Several observers of one worker, as one. */
import type { WorkerObserver } from '../engine/worker.js'

/** Each is told, in their order. */
export function allOf(observers: readonly WorkerObserver[]): WorkerObserver {
  return {
    given(records) {
      for (const observer of observers) observer.given?.(records)
    },
    committed(commit) {
      for (const observer of observers) observer.committed?.(commit)
    },
    left(records, error) {
      for (const observer of observers) observer.left?.(records, error)
    },
    assigned(assignments) {
      for (const observer of observers) observer.assigned?.(assignments)
    },
    crashed(error, retryInMs) {
      for (const observer of observers) observer.crashed?.(error, retryInMs)
    },
  }
}
