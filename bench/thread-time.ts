/** Processor time of one thread: what bounds the throughput of work that one thread does, whoever else is at work on
 *  the machine. */
import { readFileSync } from 'node:fs'

/** Linux counts in hundredths of a second, https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
const tickMs = 10

/** Of the thread that asks, in milliseconds; null where the system does not tell. */
export function threadTimeMs(): number | null {
  try {
    const stat = readFileSync('/proc/thread-self/stat', 'utf8')
    // The second field is a name in parentheses, which may hold anything; time in user and kernel mode are 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * tickMs
  } catch {
    return null
  }
}
