/** What the worker decides for its sessions. */
export interface Supervision {
  /** True: the record crashed the stage too often and goes to the dead letters. */
  isCondemned(recordId: string): boolean
  /** True: records are fed one by one, to find the one that breaks the stage. */
  isCautious(): boolean
  /** A commit succeeded that acked so many records. */
  acked(count: number): void
  /** It waits for records, and holds none. */
  idle(): void
}
