/** The producer in Python of docs/kafka.md, run as it stands there. Its packages come from PyPI, once, into .cache. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'

const packages = ['confluent-kafka==2.16.1', 'fastavro==1.13.1']
const installTimeoutMs = 120_000
const runTimeoutMs = 60_000

/** An upstream's process that has ended. */
export interface UpstreamRun {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs the producer with these arguments on these events. */
export type Upstream = (args: readonly string[], events: readonly unknown[]) => Promise<UpstreamRun>

/** The producer; or why it cannot run here. `root`: the project's folder. */
export function upstreamAt(root: string): Upstream | { readonly missing: string } {
  const version = spawnSync('python3', ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'])
  if (version.status !== 0) return { missing: 'python3 is not on the PATH' }
  const folder = join(root, '.cache', `python-${version.stdout.toString().trim()}`)
  const missing = install(folder)
  if (missing !== null) return { missing }
  return (args, events) =>
    new Promise((resolve, reject) => {
      const child = spawn('python3', [join(root, 'docs', 'examples', 'producer.py'), ...args], {
        env: { ...process.env, PYTHONPATH: folder },
        timeout: runTimeoutMs,
      })
      let out = ''
      let err = ''
      child.stdout.on('data', (data) => {
        out += data
      })
      child.stderr.on('data', (data) => {
        err += data
      })
      child.stdin.on('error', () => undefined)
      child.once('error', reject)
      child.once('close', (code) => resolve({ code, out, err }))
      child.stdin.end(events.map((event) => `${JSON.stringify(event)}\n`).join(''))
    })
}

/** Why the packages could not be had; null once they are there. Copied beside and then renamed, so that a broken copy
 *  is not taken for a whole one. */
function install(folder: string): string | null {
  if (existsSync(folder)) return null
  const beside = `${folder}.${process.pid}`
  mkdirSync(dirname(folder), { recursive: true })
  const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', beside, ...packages]
  const { status, stderr } = spawnSync('python3', args, { timeout: installTimeoutMs })
  if (status === 0) {
    renameSync(beside, folder)
    return null
  }
  rmSync(beside, { recursive: true, force: true })
  return `pip could not install ${packages.join(' and ')}: ${stderr.toString().trim().split('\n').at(-1)}`
}
