/** What the HTTP thread and the engine's thread say to each other. */
import type { Acceptance } from '../../../ingress/ports.js'
import type { Change } from '../../../schemas/record.js'
import type { Config } from '../../config/config.js'
import type { AcceptRequest, Engine } from './engine.js'
import type { Reply } from './replies.js'

/** What the thread is started with. */
export interface EngineThreadData {
  readonly config: Config
  readonly databaseFile: string
}

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
