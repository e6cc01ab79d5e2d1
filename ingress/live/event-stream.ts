/** A stream of server-sent events, https://html.spec.whatwg.org/multipage/server-sent-events.html
 *
 *  Invariant: what a reader has not taken is bounded. Who falls behind by more is cut off, and may connect again. */
import type { ServerResponse } from 'node:http'
import type { IngressContext } from '../endpoint.js'
import type { WatcherKind } from '../observer.js'
import type { Places } from './places.js'

export interface EventStream {
  readonly response: Response
  /** Sends at once. Cuts the reader off where it is too far behind. */
  push(event: Uint8Array): void
  /** Sends when the reader has taken enough of what came before. Resolves false when the stream has ended. */
  offer(event: Uint8Array): Promise<boolean>
  /** Ends it as it should end. */
  close(): void
  /** Aborted when it has ended, whoever ended it. */
  readonly ended: AbortSignal
}

/** Bytes that one reader may have waiting here, beside what the operating system takes. */
export const maxUnreadBytes = 256 * 1024
/** Shorter than the idle time-outs of proxies; also how soon it is noticed that a reader is gone without a word. */
const heartbeatDefaultMs = 15_000
/** Heartbeats for which a reader may take nothing though more is there for it. */
const heartbeatsStuck = 4
/** After how long a browser connects again. */
const retryMs = 2000

/** An event as it is sent. The data must be without line breaks, as JSON is, and so must the id. */
export function eventFrame(event: string, data: unknown, id?: string): Uint8Array {
  const place = id === undefined ? '' : `id: ${id}\n`
  return Buffer.from(`event: ${event}\n${place}data: ${JSON.stringify(data)}\n\n`)
}

/** What a reader goes on after where nothing has come yet: an id without an event. */
export function placeFrame(id: string): Uint8Array {
  return Buffer.from(`id: ${id}\n\n`)
}

const beginning = Buffer.from(`retry: ${retryMs}\n\n`)
const heartbeat = Buffer.from(': still here\n\n')

/** Throws a `Problem` where there is no place for it. */
export function openEventStream(
  c: IngressContext,
  places: Places,
  kind: WatcherKind,
  heartbeatMs = heartbeatDefaultMs,
): EventStream {
  const release = places.take(kind, () => close())
  const outgoing = outgoingOf(c)
  const ending = new AbortController()
  const { signal: ended } = ending
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  let wanted: (() => void) | null = null
  let stuck = 0
  const body = new ReadableStream<Uint8Array>(
    {
      start: (given) => {
        controller = given
      },
      pull: () => wanted?.(),
      cancel: () => end(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: maxUnreadBytes }),
  )
  const beats = setInterval(beat, heartbeatMs)
  // Also where the answer is never sent: the request was HEAD, or its sender has gone already.
  outgoing?.once('close', end)
  if (outgoing?.destroyed) end()
  send(beginning)

  return {
    response: new Response(body, {
      headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' },
    }),
    ended,
    push(event) {
      send(event)
      if (room() < 0) cut()
    },
    async offer(event) {
      while (!ended.aborted && room() <= 0) {
        await new Promise<void>((resolve) => {
          wanted = resolve
        })
      }
      send(event)
      return !ended.aborted
    },
    close,
  }

  function close(): void {
    if (ended.aborted) return
    controller?.close()
    end()
  }

  function room(): number {
    return controller?.desiredSize ?? 0
  }

  function send(event: Uint8Array): void {
    if (!ended.aborted) controller?.enqueue(event)
  }

  function beat(): void {
    stuck = room() > 0 ? 0 : stuck + 1
    if (stuck >= heartbeatsStuck) cut()
    else if (stuck === 0) send(heartbeat)
  }

  /** Lets go of everything at once. To close the body would leave what waits to be read. */
  function cut(): void {
    if (ended.aborted) return
    end()
    if (outgoing) outgoing.destroy()
    else controller?.error(new SlowReader('The reader is too slow'))
  }

  function end(): void {
    release()
    clearInterval(beats)
    outgoing?.off('close', end)
    ending.abort()
    wanted?.()
  }
}

/** Where no connection is there to be cut: in tests without a server. */
class SlowReader extends Error {
  override readonly name = 'SlowReader'
  readonly code = 'slow-reader'
}

/** The connection's answer; undefined where there is no connection. */
function outgoingOf({ env }: IngressContext): ServerResponse | undefined {
  return (env as { readonly outgoing?: ServerResponse } | undefined)?.outgoing
}
