/** What the worker decides for its sessions. */
export interface Supervision {
  /** True: the record crashed the stage too often and goes to the dead letters. */
  isPoison(recordId: string): boolean
  /** True: records are fed one by one, to find the one that breaks the stage. */
  isBisecting(): boolean
  /** A commit succeeded that settled so many records. */
  settled(count: number): void
  /** It waits for records, and holds none. */
  idle(): void
}
