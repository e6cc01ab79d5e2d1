/** What the ingress tells of its work, for metrics. */
import type { NotificationRequested } from '../schemas/events.js'

/** Live updates, by what their clients hold open. */
export type WatcherKind = 'events' | 'websocket' | 'inbox'

/** Told of what happened. Must not throw. */
export interface IngressObserver {
  /** A request came, or its answer's head is there. */
  requests(change: 1 | -1): void
  /** They are durable. */
  accepted(notifications: readonly NotificationRequested[]): void
  /** A request was answered from an earlier one with the same key. `origin`: the contract it came by. */
  replayed(origin: string): void
  /** A live update was opened, or has ended. */
  watchers(kind: WatcherKind, change: 1 | -1): void
}
