/** Writes the tables of the documentation that are made from code, between `<!-- generated: name -->` and
 *  `<!-- end -->`.
 *
 *  `generate.js`         rewrites them
 *  `generate.js --check` writes nothing and fails when something would change */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { commandTable, exitCodes, optionTable } from './tables/commands.js'
import { figureTable } from './tables/figures.js'
import { metricTable } from './tables/metrics.js'
import { routeTable } from './tables/routes.js'
import { fileTable, providerTable, tracingVariableTable, variableTable } from './tables/settings.js'
import { topicTable } from './tables/streams.js'

const root = import.meta.dirname.replace(/dist[\\/]docs$/, '')
const check = process.argv.includes('--check')

const made: Readonly<Record<string, string>> = {
  variables: variableTable(),
  'tracing variables': tracingVariableTable(),
  'file keys': fileTable(),
  'provider keys': providerTable(),
  topics: topicTable(),
  commands: commandTable(),
  options: optionTable(),
  'exit codes': exitCodes(),
  'metrics of the flow': metricTable('flow'),
  'metrics of requests': metricTable('requests'),
  'metrics of lag': metricTable('lag'),
  'metrics of stores': metricTable('stores'),
  'metrics of the process': metricTable('process'),
  figures: figureTable(root),
  routes: await routeTable('own'),
  'contract routes': await routeTable('contracts'),
}

const missing = new Set(Object.keys(made))
const pages = readdirSync(join(root, 'docs')).filter((file) => file.endsWith('.md'))
for (const name of ['README.md', ...pages.map((page) => `docs/${page}`)]) {
  const path = join(root, name)
  const present = readFileSync(path, 'utf8')
  const wanted = filled(name, present)
  if (wanted === present) continue
  if (check) fail(`${name} is not what the code says.`)
  writeFileSync(path, wanted)
}
if (missing.size > 0) fail(`No page has the mark of: ${[...missing].join(', ')}.`)

/** The page with every marked part made anew. */
function filled(page: string, text: string): string {
  return text.replaceAll(/(<!-- generated: (.*?) -->\n)[\s\S]*?(<!-- end -->)/g, (_, start, name, end) => {
    const part = made[name]
    if (part === undefined) return fail(`${page} asks for "${name}", which nothing makes.`)
    missing.delete(name)
    return `${start}\n${part}\n\n${end}`
  })
}

function fail(message: string): never {
  process.stderr.write(`${message} Run: npm run docs\n`)
  process.exit(1)
}
