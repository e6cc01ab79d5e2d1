/** Programs for tests that no package registry has. Where they are not installed, Debian's package of them is unpacked into
 *  .cache, which needs no rights. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const downloadTimeoutMs = 120_000
/** Libraries that want libraries, so many times over. */
const maxRounds = 4

/** How a program is run. */
export interface InstalledProgram {
  readonly command: string
  readonly environment: Readonly<Record<string, string>>
}

export interface DebianPackage<P extends string> {
  /** Also the name of its folder in .cache. */
  readonly name: string
  /** Of each, where it stands in the package, from the root. */
  readonly programs: Readonly<Record<P, string>>
  /** What each takes to tell its version, and do nothing else. */
  readonly versionArgument: string
}

export type FoundPrograms<P extends string> =
  | { readonly programs: Readonly<Record<P, InstalledProgram>>; readonly missing: null }
  | { readonly programs: null; readonly missing: string }

/** The programs of a package, or why tests must do without them. Throws then in continuous integration. `root`: the
 *  project's folder. */
export function programsOf<P extends string>(root: string, wanted: DebianPackage<P>): FoundPrograms<P> {
  const installed = eachProgram(wanted, (path) => ({
    command: path.split('/').at(-1) ?? path,
    environment: { PATH: [process.env.PATH, '/usr/sbin'].join(delimiter) },
  }))
  if (allRun(installed, wanted)) return { programs: installed, missing: null }
  try {
    return { programs: unpacked(join(root, '.cache', wanted.name), wanted), missing: null }
  } catch (error) {
    const reason = error instanceof Error ? error.message : error
    const missing = `${wanted.name} is not installed, and could not be fetched: ${reason}`
    if (process.env.CI === 'true') throw new Error(missing, { cause: error })
    return { programs: null, missing }
  }
}

/** Unpacked beside and then renamed, so that half of it is not taken for the whole. */
function unpacked<P extends string>(folder: string, wanted: DebianPackage<P>): Record<P, InstalledProgram> {
  if (!existsSync(folder)) {
    const beside = `${folder}.${process.pid}`
    mkdirSync(join(beside, 'packages'), { recursive: true })
    try {
      unpack(beside, wanted)
      putInPlace(beside, folder)
    } finally {
      rmSync(beside, { recursive: true, force: true })
    }
  }
  return programsIn(folder, wanted)
}

function putInPlace(beside: string, folder: string): void {
  try {
    renameSync(beside, folder)
  } catch (error) {
    // Another test file was faster.
    if (!existsSync(folder)) throw error
  }
}

function programsIn<P extends string>(folder: string, wanted: DebianPackage<P>): Record<P, InstalledProgram> {
  const libraries = join(folder, 'usr', 'lib')
  const folders = existsSync(libraries)
    ? readdirSync(libraries, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    : []
  const paths = [libraries, ...folders.map(({ name }) => join(libraries, name))]
  const environment = { LD_LIBRARY_PATH: paths.join(delimiter) }
  return eachProgram(wanted, (path) => ({ command: join(folder, path), environment }))
}

/** The package, then the libraries that its programs want until they run. */
function unpack<P extends string>(folder: string, wanted: DebianPackage<P>): void {
  const fetched = new Set<string>()
  let names = [wanted.name]
  for (let round = 0; round < maxRounds; round++) {
    for (const name of names) fetched.add(name)
    const packages = join(folder, 'packages')
    const before = new Set(readdirSync(packages))
    output('apt-get', ['download', ...names], packages)
    const files = readdirSync(packages).filter((file) => !before.has(file))
    for (const file of files) output('dpkg-deb', ['--extract', file, folder], packages)
    if (allRun(programsIn(folder, wanted), wanted)) return
    names = [...new Set(files.flatMap((file) => librariesOf(file, packages)))].filter((name) => !fetched.has(name))
    if (names.length === 0) break
  }
  throw new Error('its libraries are missing')
}

/** Names of the libraries that a package depends on; the C library is the system's. */
function librariesOf(file: string, folder: string): string[] {
  const names = output('dpkg-deb', ['--field', file, 'Depends'], folder).matchAll(/(?:^|, )(lib[a-z0-9.+-]+)/g)
  return [...names].map(([, name = '']) => name).filter((name) => name !== 'libc6')
}

function eachProgram<P extends string>(
  { programs }: DebianPackage<P>,
  program: (path: string) => InstalledProgram,
): Record<P, InstalledProgram> {
  const made = Object.entries<string>(programs).map(([name, path]) => [name, program(path)] as const)
  return Object.fromEntries(made) as Record<P, InstalledProgram>
}

function allRun<P extends string>(
  programs: Readonly<Record<P, InstalledProgram>>,
  { versionArgument }: DebianPackage<P>,
): boolean {
  return Object.values<InstalledProgram>(programs).every(({ command, environment }) => {
    const env = { ...process.env, ...environment }
    return spawnSync(command, [versionArgument], { stdio: 'ignore', env }).status === 0
  })
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
