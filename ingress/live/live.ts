/** What all live updates of an ingress share. */
import type { IngressPorts } from '../ports.js'
import { type Changes, createChanges } from './changes.js'
import { createPlaces, type Places } from './places.js'

export interface Live {
  readonly changes: Changes
  readonly places: Places
}

export function createLive({ records, observer }: Pick<IngressPorts, 'records' | 'observer'>): Live {
  return { changes: createChanges(records), places: createPlaces(observer) }
}

/** Works something out once for each change, however many streams tell it: they are told one after another. */
export function oncePerChange<C extends object, T>(work: (change: C) => T): (change: C) => T {
  let last: { readonly change: C; readonly result: T } | null = null
  return (change) => {
    if (last?.change !== change) last = { change, result: work(change) }
    return last.result
  }
}

const sockets: ReadonlySet<string> = new Set(['/v1/ws', '/ws'])
const inboxStream = /^\/v1\/recipients\/[^/]+\/inbox\/stream$/

export function isSocketPath(path: string): boolean {
  return sockets.has(path)
}

/** WebSockets and server-sent events. */
export function isStreamPath(path: string): boolean {
  return isSocketPath(path) || path === '/v1/events' || inboxStream.test(path)
}
