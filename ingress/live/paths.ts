/** Where live updates are, for what every request passes. */

const sockets: ReadonlySet<string> = new Set(['/v1/ws', '/ws'])
const inboxStream = /^\/v1\/recipients\/[^/]+\/inbox\/stream$/

export function isSocketPath(path: string): boolean {
  return sockets.has(path)
}

/** WebSockets and server-sent events. */
export function isStreamPath(path: string): boolean {
  return isSocketPath(path) || path === '/v1/events' || inboxStream.test(path)
}
