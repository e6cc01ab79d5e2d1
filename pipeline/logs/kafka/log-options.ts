/** What the log on Kafka is opened with, and why a process that has it may have to end. */
import type { RestoreProgress } from './changelog.js'
import type { KafkaConnection } from './library.js'
import type { KafkaObserver } from './statistics.js'

export interface KafkaLogOptions {
  readonly connection: KafkaConnection
  /** Of every way. */
  readonly partitions: number
  /** Stands before every topic, group and id: keeps several Carillons apart. Empty unless said. */
  readonly prefix?: string
  /** Where local state lies; one process's own. */
  readonly stateFolder: string
  /** This process's number among those that run the same: static membership and stable transactional ids. */
  readonly slot?: string | null
  /** How long a member may be silent before its partitions go to others. */
  readonly sessionTimeoutMs?: number
  /** How long a revoke waits for the work under way. */
  readonly revokeTimeoutMs?: number
  /** How long a compacted changelog keeps what was deleted: an older store is rebuilt. As delete.retention.ms of the
   *  changelog topics. */
  readonly deleteRetentionMs?: number
  /** Groups whose progress other processes watch: see `settlements`. */
  readonly watchedGroups?: readonly string[]
  /** Groups that keep no state: they need no changelogs. */
  readonly statelessGroups?: readonly string[]
  readonly onRestore?: (progress: RestoreProgress) => void
  readonly observer?: KafkaObserver
  /** Called once, when nothing can be joined any more and this process should end: another one has taken its slot (the
   *  two would take it from each other for ever), or serves some of its channels, or the library holds too many of its threads for good. */
  readonly onUnusable?: (why: LogUnusable) => void
  /** For tests: called before each commit; what it throws fails it. */
  readonly beforeCommit?: () => void
}

/** This process has to end. */
export class LogUnusable extends Error {
  override readonly name = 'LogUnusable'
  constructor(
    readonly code: 'slot-taken' | 'channels-overlap' | 'library-stuck',
    message: string,
  ) {
    super(message)
  }
}
