/** What every run has: a folder of its own, a progress bar, and an end to its patience. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import cliProgress from 'cli-progress'
import { monotonicMs } from './latency.js'

/** Gives `run` an empty folder and removes it afterwards. It is kept where `run` throws, or asks for it. */
export async function inFolder<T>(run: (folder: string, keep: () => void) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-bench-'))
  let kept = false
  try {
    return await run(folder, () => {
      kept = true
    })
  } catch (error) {
    kept = true
    throw error
  } finally {
    if (kept) process.stderr.write(`The run's data is kept in ${folder}\n`)
    else rmSync(folder, { recursive: true, force: true })
  }
}

export interface Progress {
  update(done: number): void
  stop(): void
}

/** A bar where somebody looks: on standard error when it is a terminal. */
export function progressBar(what: string, total: number): Progress {
  if (!process.stderr.isTTY) return { update: () => undefined, stop: () => undefined }
  const bar = new cliProgress.SingleBar({
    stream: process.stderr,
    format: `${what.padEnd(12)} {bar} {percentage}% | {value}/{total} | {duration} s`,
    hideCursor: true,
  })
  bar.start(total, 0)
  return bar
}

export interface CountWait {
  readonly everyMs?: number
  /** Nothing has moved for so long: it is given up. */
  readonly patienceMs?: number
  /** Told each change. */
  readonly progress?: ((count: number) => void) | undefined
}

/** Looks again and again until there are `wanted`, or nothing moves any more. `movedMs`: when it moved last, on the
 *  monotonic clock. */
export async function waitForCount(
  look: () => Promise<number>,
  wanted: number,
  { everyMs = 20, patienceMs = 60_000, progress }: CountWait = {},
): Promise<{ readonly count: number; readonly movedMs: number }> {
  let count = 0
  let movedMs = monotonicMs()
  while (count < wanted && monotonicMs() - movedMs < patienceMs) {
    await delay(everyMs)
    const now = await look()
    if (now === count) continue
    count = now
    movedMs = monotonicMs()
    progress?.(count)
  }
  return { count, movedMs }
}
