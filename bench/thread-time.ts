/** Processor time, whoever else is at work on the machine: of threads and of processes, as Linux counts it. */
import { readdirSync, readFileSync } from 'node:fs'

/** Linux counts in hundredths of a second, https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
const tickMs = 10

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
