/** How much memory a process holds. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

const sampleMs = 100

/** Samples a process's resident memory until `stop`, which returns the highest, in MiB. */
export function watchMemory(pid = process.pid): { stop(): number } {
  let highest = residentMiB(pid)
  const timer = setInterval(() => {
    highest = Math.max(highest, residentMiB(pid))
  }, sampleMs)
  timer.unref()
  return {
    stop() {
      clearInterval(timer)
      return Math.max(highest, residentMiB(pid))
    },
  }
}

/** Resident memory in MiB, rounded; 0 of a process that has gone. */
export function residentMiB(pid: number): number {
  if (pid === process.pid) return Math.round(process.memoryUsage.rss() / 1024 ** 2)
  try {
    return Math.round(residentKiB(pid) / 1024)
  } catch {
    return 0
  }
}

function residentKiB(pid: number): number {
  const status = `/proc/${pid}/status`
  if (!existsSync('/proc/self/status')) {
    return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }))
  }
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(status, 'utf8')) ?? []
  return Number(kibibytes ?? 0)
}
