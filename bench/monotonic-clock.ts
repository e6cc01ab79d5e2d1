/** Milliseconds on a clock that never goes back and is the same in every thread of the process. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
