/** A stream of server-sent events, https://html.spec.whatwg.org/multipage/server-sent-events.html
 *
 *  Invariant: the bytes that a reader has not taken are bounded. A reader that falls further behind is cut off, and may
 *  connect again. */
import type { ServerResponse } from 'node:http'
import type { IngressContext } from '../endpoint.js'
import type { WatcherKind } from '../observer.js'
import type { Places } from './places.js'

export interface EventStream {
  readonly response: Response
  /** Sends at once, and cuts the reader off where it is too far behind. */
  push(event: Uint8Array): void
  /** Sends when the reader has taken enough of the earlier events. Resolves false when the stream has ended. */
  offer(event: Uint8Array): Promise<boolean>
  /** Ends the stream after what was sent so far. */
  close(): void
  /** Aborted when the stream has ended, whoever ended it. */
  readonly ended: AbortSignal
}

/** Bytes that may wait here for one reader, beside what the operating system buffers. */
export const maxUnreadBytes = 256 * 1024
/** Shorter than the idle time-outs of proxies. It also bounds how late a broken connection is noticed. */
const heartbeatDefaultMs = 15_000
/** Heartbeats for which a reader may take nothing although events wait for it. */
const heartbeatsStuck = 4
/** How long a browser waits before it connects again. */
const retryMs = 2000

/** The bytes of an event. The id must hold no line breaks; the data holds none, because JSON escapes them. */
export function eventFrame(event: string, data: unknown, id?: string): Uint8Array {
  const place = id === undefined ? '' : `id: ${id}\n`
  return Buffer.from(`event: ${event}\n${place}data: ${JSON.stringify(data)}\n\n`)
}

/** The bytes of an id without an event, from which a reader resumes that has received no event yet. */
export function placeFrame(id: string): Uint8Array {
  return Buffer.from(`id: ${id}\n\n`)
}

const beginning = Buffer.from(`retry: ${retryMs}\n\n`)
const heartbeat = Buffer.from(': still here\n\n')

/** Throws a `Problem` where too many streams are open. */
export function openEventStream(
  c: IngressContext,
  places: Places,
  kind: WatcherKind,
  heartbeatMs = heartbeatDefaultMs,
): EventStream {
  const stream = new OpenEventStream(outgoingOf(c), places, kind)
  stream.begin(heartbeatMs)
  return stream
}

class OpenEventStream implements EventStream {
  readonly response: Response
  readonly ended: AbortSignal
  readonly #ending = new AbortController()
  readonly #outgoing: ServerResponse | undefined
  /** Gives the stream's place back. */
  readonly #release: () => void
  readonly #end = () => this.#finish()
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #heartbeats: NodeJS.Timeout | undefined
  /** Wakes who waits for the reader. */
  #wanted: (() => void) | null = null
  /** Heartbeats in a row at which the reader had no room. */
  #stuck = 0

  constructor(outgoing: ServerResponse | undefined, places: Places, kind: WatcherKind) {
    this.#outgoing = outgoing
    this.ended = this.#ending.signal
    this.#release = places.take(kind, () => this.close())
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => this.#wanted?.(),
        cancel: () => this.#finish(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: maxUnreadBytes }),
    )
    this.response = new Response(body, {
      headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' },
    })
  }

  begin(heartbeatMs: number): void {
    this.#heartbeats = setInterval(() => this.#beat(), heartbeatMs)
    // The connection also closes where no response is sent: the request was HEAD, or the client has gone already.
    this.#outgoing?.once('close', this.#end)
    if (this.#outgoing?.destroyed) this.#finish()
    this.#send(beginning)
  }

  push(event: Uint8Array): void {
    this.#send(event)
    if (this.#room() < 0) this.#cut()
  }

  async offer(event: Uint8Array): Promise<boolean> {
    while (!this.ended.aborted && this.#room() <= 0) {
      await new Promise<void>((resolve) => {
        this.#wanted = resolve
      })
    }
    this.#send(event)
    return !this.ended.aborted
  }

  close(): void {
    if (this.ended.aborted) return
    this.#controller?.close()
    this.#finish()
  }

  #room(): number {
    return this.#controller?.desiredSize ?? 0
  }

  #send(event: Uint8Array): void {
    if (!this.ended.aborted) this.#controller?.enqueue(event)
  }

  #beat(): void {
    this.#stuck = this.#room() > 0 ? 0 : this.#stuck + 1
    if (this.#stuck >= heartbeatsStuck) this.#cut()
    else if (this.#stuck === 0) this.#send(heartbeat)
  }

  /** Ends the connection at once. Closing the body instead would leave the waiting events for the reader to take. */
  #cut(): void {
    if (this.ended.aborted) return
    this.#finish()
    if (this.#outgoing) this.#outgoing.destroy()
    else this.#controller?.error(new SlowReader('The reader is too slow'))
  }

  #finish(): void {
    this.#release()
    clearInterval(this.#heartbeats)
    this.#outgoing?.off('close', this.#end)
    this.#ending.abort()
    this.#wanted?.()
  }
}

/** The reader's error where there is no connection to cut, as in tests without a server. */
class SlowReader extends Error {
  override readonly name = 'SlowReader'
  readonly code = 'slow-reader'
}

/** The response of the connection; undefined where there is none. */
function outgoingOf({ env }: IngressContext): ServerResponse | undefined {
  return (env as { readonly outgoing?: ServerResponse } | undefined)?.outgoing
}
