/** `npm test`: builds what is missing, checks, and runs the tests. Names of test files, as they stand in the tree, and
 *  vitest's own options may follow: then only these run, without the checks. A plain script, for it runs before the
 *  build. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const args = process.argv.slice(2)

run(process.execPath, [join('pipeline', 'cli', 'prepare.mjs'), '--kafka'])
if (args.length === 0) run('npm', ['run', '--silent', 'check'])
run(process.execPath, [join('node_modules', 'vitest', 'vitest.mjs'), 'run', ...args.map(compiled)])

/** What a test file is compiled to: vitest goes by that. */
function compiled(argument) {
  return argument.replace(/\.ts$/, '.js')
}

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' })
  if (status !== 0) process.exit(status ?? 1)
}
