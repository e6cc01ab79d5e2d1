/** What the bench and a process of Carillon under test say to each other, beside what Kafka carries. */
import type { StageName } from '../stages/stage.js'
import type { StubReport } from './stub-provider.js'

/** What a process is to be. */
export interface StageOrder {
  /** One stage, the HTTP API, or both and all stages as `carillon start` has them. */
  readonly runs: StageName | 'ingress' | 'all'
  /** How long the stub takes to answer. */
  readonly answersAfterMs: number
}

/** Asked of the process. */
export interface StageCalls {
  /** How many keys its stub was sent. */
  sent(): number
  report(): StubReport
  /** Calls of the channel that begin from now on are answered after so long. */
  slow(channel: string, answersAfterMs: number): void
  /** Processor time of the whole process so far, in microseconds. */
  cpuMicros(): number
  /** Drains it. */
  close(): Promise<void>
}

/** Told by the process. */
export interface StageNews {
  /** It listens there. */
  up(address: string): void
}
