/** Writes the TypeScript types of every schema to events.ts and keeps the released schemas.
 *
 *  `generate.js`         rewrites schemas/events.ts and releases a schema that changed compatibly
 *  `generate.js --check` writes nothing and fails when something would change */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { releaseProblems, releasesToWrite } from './release.js'
import { type EnumSchema, type RecordSchema, readSources, type SchemaSource } from './sources.js'

const folder = join(import.meta.dirname.replace(/dist[\\/]schemas$/, ''), 'schemas')
const check = process.argv.includes('--check')

const primitives: Readonly<Record<string, string>> = {
  string: 'string',
  boolean: 'boolean',
  int: 'number',
  long: 'number',
  double: 'number',
  bytes: 'Uint8Array',
  null: 'null',
}

const problems = releaseProblems()
if (problems.length > 0) fail(problems.join('\n'))

const target = join(folder, 'events.ts')
const code = formatted(generate(readSources()))
if (readFileSync(target, 'utf8') !== code) {
  if (check) fail('schemas/events.ts is not what the schemas say. Run: npm run types')
  writeFileSync(target, code)
}
for (const { file, text } of releasesToWrite()) {
  if (check) fail(`schemas/released/${file} is missing: a schema changed. Run: npm run types`)
  writeFileSync(join(folder, 'released', file), text)
}

function generate(sources: readonly SchemaSource[]): string {
  const records = sources.filter(({ schema }) => schema.type === 'record')
  return [
    '/** Written by schemas/generate.ts from the .avsc files beside it; not to be edited by hand. */',
    ...sources.map(({ schema }) => (schema.type === 'record' ? recordType(schema) : enumType(schema))),
    '/** Every record by the name of its file. */',
    `export interface Events {\n${records.map(({ name, schema }) => `'${name}': ${schema.name}`).join('\n')}\n}\n`,
  ].join('\n\n')
}

function recordType({ name, doc, fields }: RecordSchema): string {
  const members = fields.map((field) => `/** ${field.doc} */\nreadonly ${field.name}: ${typeName(field.type)}`)
  return `/** ${doc} */\nexport interface ${name} {\n${members.join('\n')}\n}`
}

function enumType({ name, doc, symbols }: EnumSchema): string {
  return `/** ${doc} */\nexport type ${name} = ${symbols.map((symbol) => `'${symbol}'`).join(' | ')}`
}

function typeName(type: unknown): string {
  if (typeof type === 'string') return primitives[type] ?? type
  if (Array.isArray(type)) return type.map(typeName).join(' | ')
  const { type: kind, items, values } = type as { type: string; items?: unknown; values?: unknown }
  if (kind === 'array') return `readonly (${typeName(items)})[]`
  if (kind === 'map') return `Readonly<Record<string, ${typeName(values)}>>`
  throw new Error(`schemas: ${JSON.stringify(type)} has no TypeScript type here`)
}

function formatted(source: string): string {
  return execFileSync('npx', ['biome', 'format', `--stdin-file-path=${target}`], { input: source, encoding: 'utf8' })
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
