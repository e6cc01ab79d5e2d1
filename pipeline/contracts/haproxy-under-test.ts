/** A real HAProxy for tests. Where none is installed, Debian's packages of it are unpacked into .cache/haproxy, which
 *  needs no rights. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const downloadTimeoutMs = 120_000
/** Libraries that want libraries, so many times over. */
const roundsMost = 4

/** How HAProxy is run. */
export interface Haproxy {
  readonly command: string
  readonly environment: Readonly<Record<string, string>>
}

/** HAProxy, or why tests must do without it. Throws then in continuous integration. `root`: the project's folder. */
export function haproxyFor(root: string): { haproxy: Haproxy } | { haproxy: null; missing: string } {
  const installed = { command: 'haproxy', environment: { PATH: [process.env.PATH, '/usr/sbin'].join(delimiter) } }
  if (runs(installed)) return { haproxy: installed }
  try {
    return { haproxy: unpacked(join(root, '.cache', 'haproxy')) }
  } catch (error) {
    const missing = `haproxy is not installed, and could not be fetched: ${error instanceof Error ? error.message : error}`
    if (process.env.CI === 'true') throw new Error(missing, { cause: error })
    return { haproxy: null, missing }
  }
}

/** Unpacked beside and then renamed, so that half of it is not taken for the whole. */
function unpacked(folder: string): Haproxy {
  if (!existsSync(folder)) {
    const beside = `${folder}.${process.pid}`
    mkdirSync(join(beside, 'packages'), { recursive: true })
    try {
      unpack(beside)
      putInPlace(beside, folder)
    } finally {
      rmSync(beside, { recursive: true, force: true })
    }
  }
  return haproxyIn(folder)
}

function putInPlace(beside: string, folder: string): void {
  try {
    renameSync(beside, folder)
  } catch (error) {
    // Another test file was faster.
    if (!existsSync(folder)) throw error
  }
}

function haproxyIn(folder: string): Haproxy {
  const libraries = join(folder, 'usr', 'lib')
  const folders = existsSync(libraries)
    ? readdirSync(libraries, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    : []
  const paths = [libraries, ...folders.map(({ name }) => join(libraries, name))]
  return {
    command: join(folder, 'usr', 'sbin', 'haproxy'),
    environment: { LD_LIBRARY_PATH: paths.join(delimiter) },
  }
}

/** HAProxy's package, then the libraries that it wants until it runs. */
function unpack(folder: string): void {
  const fetched = new Set<string>()
  let wanted = ['haproxy']
  for (let round = 0; round < roundsMost; round++) {
    for (const name of wanted) fetched.add(name)
    const packages = join(folder, 'packages')
    const before = new Set(readdirSync(packages))
    output('apt-get', ['download', ...wanted], packages)
    const files = readdirSync(packages).filter((file) => !before.has(file))
    for (const file of files) output('dpkg-deb', ['--extract', file, folder], packages)
    if (runs(haproxyIn(folder))) return
    wanted = [...new Set(files.flatMap((file) => librariesOf(file, packages)))].filter((name) => !fetched.has(name))
    if (wanted.length === 0) break
  }
  throw new Error('its libraries are missing')
}

/** Names of the libraries that a package depends on; the C library is the system's. */
function librariesOf(file: string, folder: string): string[] {
  const names = output('dpkg-deb', ['--field', file, 'Depends'], folder).matchAll(/(?:^|, )(lib[a-z0-9.+-]+)/g)
  return [...names].map(([, name = '']) => name).filter((name) => name !== 'libc6')
}

function runs({ command, environment }: Haproxy): boolean {
  return spawnSync(command, ['-v'], { stdio: 'ignore', env: { ...process.env, ...environment } }).status === 0
}

function output(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    timeout: downloadTimeoutMs,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`${command} ${args[0]}: ${error?.message ?? stderr.trim()}`)
  return stdout
}
