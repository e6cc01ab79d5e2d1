/** A real schema registry for tests: Apicurio on a free port of the loopback, its schemas in memory.
 *
 *  It is copied from Maven Central once, into .cache/registry, and needs Java 21 or newer, which may stand beside an
 *  older one. A registry that stands ready may be named instead, by CARILLON_TEST_REGISTRY=http://…; it must let anybody
 *  write, and keeps what tests register. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const registryVersion = '3.3.3'
const oldestJava = 21
const startTimeoutMs = 120_000
const stopTimeoutMs = 10_000
const copyTimeoutMs = 300_000
const archive = `apicurio-registry-app-${registryVersion}-all.tar.gz`

/** A registry that answers. */
export interface RegistryUnderTest {
  readonly url: string
  stop(): Promise<void>
}

/** Why no registry can be started here; null where one can. */
export function missingForRegistry(root: string): string | null {
  if (newEnoughJava() === null) return `no Java ${oldestJava} or newer was found: not by JAVA_HOME, nor on the PATH`
  if (!existsSync(registryFolder(root)) && !runs('mvn')) return 'mvn is not on the PATH'
  return null
}

/** Starts a registry. `root`: the project's folder. */
export async function startRegistry(root: string): Promise<RegistryUnderTest> {
  const java = newEnoughJava()
  if (java === null) throw new Error(`There is no Java ${oldestJava} or newer`)
  copyRegistry(root)
  const ports = ['http', 'management'].flatMap((part) => [
    `-Dquarkus.${part}.host=127.0.0.1`,
    `-Dquarkus.${part}.port=0`,
  ])
  const args = ['-Xmx512m', '-XX:+UseSerialGC', ...ports, '-jar', 'quarkus-run.jar']
  const registry = spawn(java, args, { cwd: registryFolder(root), stdio: ['ignore', 'pipe', 'ignore'] })
  const endWithUs = () => registry.kill('SIGKILL')
  process.once('exit', endWithUs)
  const address = await listening(registry)
  return {
    url: `${address}/apis/ccompat/v7`,
    async stop() {
      process.removeListener('exit', endWithUs)
      if (registry.exitCode !== null) return
      const ended = new Promise<void>((resolve) => registry.once('exit', () => resolve()))
      registry.kill('SIGTERM')
      const late = setTimeout(() => registry.kill('SIGKILL'), stopTimeoutMs)
      await ended
      clearTimeout(late)
    },
  }
}

/** The address that it tells of when it is ready. It logs every request afterwards, which is read and let go. */
function listening(registry: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => registry.kill('SIGKILL'), startTimeoutMs)
    registry.once('error', reject)
    registry.once('exit', () => reject(new Error('The schema registry ended before it was ready')))
    if (!registry.stdout) return
    createInterface({ input: registry.stdout }).on('line', (line) => {
      const address = /Listening on: (http:\/\/127\.0\.0\.1:\d+)/.exec(line)?.[1]
      if (address === undefined) return
      clearTimeout(late)
      resolve(address)
    })
  })
}

function registryFolder(root: string): string {
  return join(root, '.cache', 'registry')
}

/** Copied beside and then renamed, so that a broken copy is not taken for a whole one. */
function copyRegistry(root: string): void {
  const folder = registryFolder(root)
  if (existsSync(folder)) return
  const beside = `${folder}.${process.pid}`
  mkdirSync(beside, { recursive: true })
  const artifact = `io.apicurio:apicurio-registry-app:${registryVersion}:tar.gz:all`
  const copy = ['-q', '-B', 'dependency:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${beside}`]
  for (const [command, args] of [
    ['mvn', copy],
    ['tar', ['-xzf', join(beside, archive), '-C', beside]],
  ] as const) {
    const { status, stdout } = spawnSync(command, args, { timeout: copyTimeoutMs, cwd: beside })
    if (status === 0) continue
    rmSync(beside, { recursive: true, force: true })
    throw new Error(`The schema registry could not be copied from Maven Central: ${stdout}`)
  }
  rmSync(join(beside, archive))
  renameSync(beside, folder)
}

/** The first Java that is new enough: of JAVA_HOME, on the PATH, or where systems keep theirs side by side. */
function newEnoughJava(): string | null {
  const besides = [
    ...folders('/usr/lib/jvm'),
    ...folders('/opt/java'),
    ...folders(join(homedir(), '.sdkman', 'candidates', 'java')),
    ...folders('/Library/Java/JavaVirtualMachines').map((folder) => join(folder, 'Contents', 'Home')),
  ]
  const homes = [...(process.env.JAVA_HOME ? [process.env.JAVA_HOME] : []), null, ...besides]
  const javas = homes.map((home) => (home === null ? 'java' : join(home, 'bin', 'java')))
  return javas.find((java) => majorOf(java) >= oldestJava) ?? null
}

function folders(parent: string): string[] {
  return existsSync(parent) ? readdirSync(parent).map((name) => join(parent, name)) : []
}

function majorOf(java: string): number {
  const { stderr } = spawnSync(java, ['-version'], { encoding: 'utf8' })
  return Number(/version "(\d+)/.exec(stderr ?? '')?.[1] ?? 0)
}

function runs(command: string): boolean {
  return spawnSync(command, ['-version'], { stdio: 'ignore' }).status === 0
}
