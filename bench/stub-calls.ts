/** What the bench and the engine's thread under test say to each other, beside what the engine is asked. */
import type { EngineThreadData } from '../pipeline/run/embedded/engine-calls.js'
import type { StubReport } from './stub-provider.js'

export interface StubCalls {
  /** Lets the stages begin. */
  begin(): void
  sent(): number
  called(key: string): Promise<number>
  report(): StubReport
  /** Calls of the channel that begin from now on are answered after so long. */
  slow(channel: string, answersAfterMs: number): void
  /** Processor time of the engine's thread so far, where the system tells. */
  threadTimeMs(): number | null
  /** Writes the profile of what the thread did since `begin`; returns the shares of its time, by part. */
  writeProfile(): Promise<Readonly<Record<string, number>>>
}

export interface StubThreadData extends EngineThreadData {
  /** Name of the `BroadcastChannel` that both use. */
  readonly channel: string
  /** So many notifications go through another engine in the same thread first. */
  readonly warmUp: number
  /** Where a profile of the thread is written; null for none. */
  readonly profile: string | null
}
