/** A progress bar, where somebody looks: on standard error when it is a terminal. */
import cliProgress from 'cli-progress'

export interface Progress {
  update(done: number): void
  stop(): void
}

const none: Progress = { update: () => undefined, stop: () => undefined }

export function progressBar(what: string, total: number): Progress {
  if (!process.stderr.isTTY) return none
  const bar = new cliProgress.SingleBar({
    stream: process.stderr,
    format: `${what.padEnd(12)} {bar} {percentage}% | {value}/{total} | {duration} s`,
    hideCursor: true,
  })
  bar.start(total, 0)
  return bar
}
