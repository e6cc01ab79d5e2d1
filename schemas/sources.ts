/** Reads the schema files. A record may name another file's record or enum; the order takes care of that. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One record schema as it stands in its file. */
export interface SchemaSource {
  /** The file's name without .avsc. */
  readonly name: string
  readonly schema: RecordSchema | EnumSchema
}

/** An Avro record, as far as it is read here. */
export interface RecordSchema {
  readonly type: 'record'
  readonly name: string
  readonly doc: string
  readonly fields: readonly { readonly name: string; readonly type: unknown; readonly doc: string }[]
}

/** An Avro enum. */
export interface EnumSchema {
  readonly type: 'enum'
  readonly name: string
  readonly doc: string
  readonly symbols: readonly string[]
}

/** Every schema of this folder, each after those it names. */
export function readSources(): SchemaSource[] {
  const sources = readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith('.avsc'))
    .sort()
    .map((file) => ({
      name: file.slice(0, -'.avsc'.length),
      schema: JSON.parse(readFileSync(join(import.meta.dirname, file), 'utf8')),
    }))
  return inOrder(sources)
}

/** A released schema: the id on the wire, the event, and the schema with everything it names inside. */
export interface ReleasedSchema {
  readonly id: number
  readonly event: string
  readonly text: string
}

/** Every schema that was ever released, oldest first; its file is called `<id>-<event>.avsc`. */
export function readReleased(): ReleasedSchema[] {
  const folder = join(import.meta.dirname, 'released')
  return readdirSync(folder)
    .filter((file) => file.endsWith('.avsc'))
    .map((file) => ({
      id: Number.parseInt(file, 10),
      event: file.slice(file.indexOf('-') + 1, -'.avsc'.length),
      text: readFileSync(join(folder, file), 'utf8'),
    }))
    .sort((a, b) => a.id - b.id)
}

function inOrder(sources: readonly SchemaSource[]): SchemaSource[] {
  const byName = new Map(sources.map((source) => [source.schema.name, source]))
  const ordered = new Set<SchemaSource>()
  const visit = (source: SchemaSource) => {
    if (ordered.has(source)) return
    for (const name of namesIn(source.schema.type === 'record' ? source.schema.fields : [])) {
      const named = byName.get(name)
      if (named && named !== source) visit(named)
    }
    ordered.add(source)
  }
  for (const source of sources) visit(source)
  return [...ordered]
}

function namesIn(node: unknown): string[] {
  if (typeof node === 'string') return [node]
  if (Array.isArray(node)) return node.flatMap(namesIn)
  if (typeof node !== 'object' || node === null) return []
  const { type, items, values } = node as { type?: unknown; items?: unknown; values?: unknown }
  return [type, items, values].flatMap(namesIn)
}
