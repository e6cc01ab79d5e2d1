/** Writes the dashboards that Grafana loads.
 *
 *  `generate.js`         rewrites grafana/dashboards
 *  `generate.js --check` writes nothing and fails when something would change */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { dashboardOf } from './board.js'
import { boards } from './boards/boards.js'

const folder = join(import.meta.dirname.replace(/dist[\\/]grafana$/, 'grafana'), 'dashboards')
const check = process.argv.includes('--check')
const made = new Map(boards.map((board) => [`${board.uid}.json`, JSON.stringify(dashboardOf(board))]))

for (const name of readdirSync(folder)) {
  if (made.has(name)) continue
  if (check) fail(`grafana/dashboards/${name} is made by nothing.`)
  rmSync(join(folder, name))
}
for (const [name, text] of made) {
  if (isDeepStrictEqual(present(name), JSON.parse(text))) continue
  if (check) fail(`grafana/dashboards/${name} is not what grafana/boards says.`)
  writeFileSync(join(folder, name), formatted(name, text))
}

function present(name: string): unknown {
  return readdirSync(folder).includes(name) ? JSON.parse(readFileSync(join(folder, name), 'utf8')) : null
}

function formatted(name: string, source: string): string {
  return execFileSync('npx', ['biome', 'format', `--stdin-file-path=${join(folder, name)}`], {
    input: source,
    encoding: 'utf8',
  })
}

function fail(message: string): never {
  process.stderr.write(`${message} Run: npm run dashboards\n`)
  process.exit(1)
}
