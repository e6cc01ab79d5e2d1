/** What the bench and the engine's thread under test say to each other, beside what the engine is asked. */
import type { EngineThreadData } from '../pipeline/embedded/engine-calls.js'
import type { StubReport } from './stub-provider.js'

export interface StubCalls {
  /** Lets the stages begin. */
  begin(): void
  sent(): number
  called(key: string): Promise<number>
  report(): StubReport
  /** Processor time of the engine's thread so far, where the system tells. */
  threadTimeMs(): number | null
}

export interface StubThreadData extends EngineThreadData {
  /** Name of the `BroadcastChannel` that both use. */
  readonly channel: string
}
