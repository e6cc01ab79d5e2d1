/** What a process takes: memory, and processor time, whoever else is at work on the machine, as Linux counts it. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

const sampleMs = 100
/** Linux counts in hundredths of a second, https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
const tickMs = 10

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

/** Of the thread that asks, in milliseconds; null where the system does not tell. What collecting garbage takes beside
 *  it, in threads of V8's own, is not in it. */
export function threadTimeMs(): number | null {
  return timeMs('/proc/thread-self/stat')
}

/** Of all threads of a process, in milliseconds; null where the system does not tell, or it has gone. */
export function processTimeMs(pid: number): number | null {
  return timeMs(`/proc/${pid}/stat`)
}

/** Of each thread of a process, in milliseconds; empty where the system does not tell. */
export function threadTimesMs(pid: number): ReadonlyMap<number, number> {
  try {
    const threads = readdirSync(`/proc/${pid}/task`).map(Number)
    return new Map(threads.map((thread) => [thread, timeMs(`/proc/${pid}/task/${thread}/stat`) ?? 0]))
  } catch {
    return new Map()
  }
}

/** The first child of this process with that program; null where the system does not tell, or there is none. */
export function childPid(program: string): number | null {
  try {
    const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim().split(' ')
    const found = children.find((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === program)
    return found === undefined ? null : Number(found)
  } catch {
    return null
  }
}

function timeMs(file: string): number | null {
  try {
    const stat = readFileSync(file, 'utf8')
    // The second field is a name in parentheses, which may hold anything; time in user and kernel mode are 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * tickMs
  } catch {
    return null
  }
}

/** What so many milliseconds are for each of `count`, in microseconds; null where one of them is not known. */
export function perNotification(fromMs: number | null, toMs: number | null, count: number): number | null {
  return fromMs === null || toMs === null ? null : ((toMs - fromMs) * 1000) / count
}
