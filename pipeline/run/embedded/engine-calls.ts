/** What the HTTP thread and the engine's thread say to each other: the calls, the news, and how results and errors pass. An
 *  error's class and code would be lost in cloning. */
import type { Acceptance } from '../../../ingress/ports.js'
import { BadCursor, StorageFull, Unavailable } from '../../../schemas/errors.js'
import type { Change } from '../../../schemas/record.js'
import type { Config } from '../../config/config.js'
import type { AcceptRequest, Engine } from './engine.js'

/** What the thread is started with. */
export interface EngineThreadData {
  readonly config: Config
  readonly databaseFile: string
}

/** What is called over there just as it is here: all but `accept`, which goes by the turn of the loop, and `close`. The one
 *  list of it; the compiler sees that none is missing. */
type RemoteName = Exclude<keyof Engine, 'accept' | 'close'>
const remote: Readonly<Record<RemoteName, true>> = {
  cancel: true,
  putTemplate: true,
  deleteTemplate: true,
  putRecipient: true,
  deleteRecipient: true,
  markRead: true,
  requestReplays: true,
  stages: true,
  problems: true,
  askLog: true,
  stalled: true,
  metrics: true,
  templateProblems: true,
  preview: true,
  watch: true,
}

/** One function for each of the list, by its name. */
export function forEachCall<C extends Engine | EngineCalls>(make: (name: RemoteName) => AnyCall): Pick<C, RemoteName> {
  const calls = Object.keys(remote).map((name) => [name, make(name as RemoteName)])
  return Object.fromEntries(calls) as Pick<C, RemoteName>
}

/** A call whose arguments and result are as its name says. */
export type AnyCall<R = unknown> = (...args: unknown[]) => Promise<R>

type Replied<F> = F extends (...args: infer A) => Promise<infer R> ? (...args: A) => Promise<Reply<R>> : never

/** The engine's functions as the other thread calls them. */
export type EngineCalls = { readonly [K in Exclude<keyof Engine, 'accept'>]: Replied<Engine[K]> } & {
  /** The requests of one turn of the HTTP thread's loop, each with a reply of its own. */
  acceptAll(requests: readonly AcceptRequest[]): Promise<readonly Reply<Acceptance>[]>
  /** Resolves when the engine is open. */
  open(): Promise<Reply<undefined>>
}

/** What the engine tells unasked. */
export interface EngineNews {
  changed(changes: readonly Change[]): void
}

/** What a function of the other thread came to. */
export type Reply<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: string; readonly message: string }

/** Waits for the work and wraps what comes of it. */
export async function replyOf<T>(work: () => Promise<T>): Promise<Reply<T>> {
  try {
    return { ok: true, value: await work() }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unexpected'
    return { ok: false, code, message: error instanceof Error ? error.message : String(error) }
  }
}

/** The value, or the error as it was thrown on the other side. */
export function unwrap<T>(reply: Reply<T>): T {
  if (reply.ok) return reply.value
  const { code, message } = reply
  switch (code) {
    case 'storage-full':
      throw new StorageFull(message)
    case 'unavailable':
      throw new Unavailable(message)
    case 'bad-cursor':
      throw new BadCursor(message)
    default:
      throw Object.assign(new Error(message), { code })
  }
}
