/** Installs and builds what is missing, so that `npm start` and `npm test` work on a fresh clone with nothing but Node.
 *  A plain script: it runs before anything is compiled or installed. */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const sources = ['schemas', 'stages', 'pipeline', 'ingress', 'bench', 'grafana', 'docs', 'testing']
const assetEndings = ['.avsc', '.html', '.css', '.svg', '.js']
const isWindows = process.platform === 'win32'
const stamp = join(root, 'dist', '.built')

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  fail(`Carillon needs Node 20.19 or newer; this is ${process.version}.`)
}
if (isOlder(join(root, 'node_modules', '.package-lock.json'), join(root, 'package-lock.json'))) {
  install()
}
const wantsKafka = /^kafka:/.test(process.env.CARILLON_LOG ?? '') || process.argv.includes('--kafka')
if (wantsKafka && !isKafkaLibraryBuilt()) buildKafkaLibrary()
if (process.argv.includes('--build') || isStale()) build()

function install() {
  console.error('Installing dependencies (once)…')
  // Without scripts nothing is compiled: what Carillon needs ships its binaries, but for Kafka's library.
  run('npm', ['ci', '--ignore-scripts', '--no-progress', '--loglevel=error'])
}

/** Built, and after its source was patched. */
function isKafkaLibraryBuilt() {
  const library = join(root, 'node_modules', 'node-rdkafka')
  if (!existsSync(library)) return false
  if (!patchDependencies()) {
    // What an earlier patch changed takes the new one only when it is as it was published.
    rmSync(library, { recursive: true })
    install()
    if (!patchDependencies()) fail('The patches of patches/ do not fit what package-lock.json installs.')
  }
  const built = join(library, 'build', 'Release', 'node-librdkafka.node')
  if (patchedFiles().some((file) => isOlder(built, file))) return false
  return runs(process.execPath, ['-e', 'require("node-rdkafka")'])
}

/** Applies what is in patches/; a file that is patched already stays as it is, and so does its time. */
function patchDependencies() {
  return runs(process.execPath, [join(root, 'node_modules', 'patch-package', 'index.js')])
}

function patchedFiles() {
  const patches = readdirSync(join(root, 'patches')).map((name) => readFileSync(join(root, 'patches', name), 'utf8'))
  return patches.flatMap((patch) => [...patch.matchAll(/^\+\+\+ b\/(.+)$/gm)].map(([, file]) => join(root, file)))
}

/** Whoever needs the library says so where it is missing: it is optional. */
function buildKafkaLibrary() {
  const missing = [
    ['c++', '--version'],
    ['make', '--version'],
    ['python3', '--version'],
  ].filter(([command, ...args]) => !runs(command, args))
  if (missing.length > 0) {
    console.error(`Kafka's library cannot be compiled here: ${missing.map(([command]) => command).join(', ')} missing.`)
    return
  }
  console.error('Compiling Kafka’s library (once, some minutes)…')
  // One job at a time, whatever the user's own settings: its build begins to compile before it is configured otherwise.
  const env = { ...process.env, JOBS: '1', MAKEFLAGS: '' }
  const args = ['rebuild', 'node-rdkafka', '--ignore-scripts=false', '--loglevel=error']
  const { status } = spawnSync('npm', args, { cwd: root, stdio: ['ignore', 2, 2], shell: isWindows, env })
  if (status !== 0) console.error('Kafka’s library could not be compiled; what needs it will say so.')
}

function runs(command, args) {
  return spawnSync(command, args, { cwd: root, stdio: 'ignore', shell: isWindows }).status === 0
}

/** Rebuilds from an empty folder: a deleted source leaves no compiled ghost behind. */
function build() {
  console.error('Building…')
  rmSync(join(root, 'dist'), { recursive: true, force: true })
  run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', root])
  for (const file of files()) {
    if (!assetEndings.some((ending) => file.endsWith(ending))) continue
    const target = join(root, 'dist', relative(root, file))
    mkdirSync(dirname(target), { recursive: true })
    cpSync(file, target)
  }
  chmodSync(join(root, 'dist', 'pipeline', 'cli', 'carillon.cjs'), 0o755)
  writeFileSync(stamp, '')
}

function isStale() {
  if (!existsSync(stamp)) return true
  const built = statSync(stamp).mtimeMs
  return [...entries(), join(root, 'tsconfig.json'), join(root, 'package-lock.json')].some(
    (file) => statSync(file).mtimeMs > built,
  )
}

function files() {
  return entries().filter((entry) => statSync(entry).isFile())
}

/** Folders too: one is newer than the build when a file in it was removed. */
function entries() {
  return sources
    .map((folder) => join(root, folder))
    .filter(existsSync)
    .flatMap((folder) => [folder, ...readdirSync(folder, { recursive: true }).map((name) => join(folder, name))])
}

function isOlder(file, than) {
  return !existsSync(file) || statSync(file).mtimeMs < statSync(than).mtimeMs
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: isWindows,
  })
  if (error || status !== 0) fail(`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`)
}

function fail(message) {
  console.error(message)
  process.exit(1)
}
