/** What Carillon asks of a schema registry with Confluent's API. Every schema that is returned is self-contained: the
 *  schemas that it refers to are put inside. */
import avsc from 'avsc'
import { z } from 'zod'
import { writerForm } from '../../schemas/writer-schema.js'
import type { RegistryAccess } from '../config/registry.js'
import type { WriterSchema } from '../engine/schema-source.js'
import { type Exchange, openExchange, RegistryError } from './exchange.js'

/** A schema's place in its subject. */
export interface Registered {
  readonly id: number
  /** Counts within the subject. */
  readonly version: number
}

/** Every method rejects with `RegistryError`. */
export interface Registry {
  /** The registry's address, without credentials. */
  readonly url: string
  /** Where the subject holds exactly this schema; null where it does not. */
  lookUp(subject: string, text: string): Promise<Registered | null>
  /** Adds a schema to a subject, unless the subject holds it already. */
  register(subject: string, text: string): Promise<void>
  /** The schema that has the id. */
  schemaOf(id: number): Promise<WriterSchema>
  /** The versions of a subject among its newest `maxVersions` numbers, oldest first; empty for an unknown subject. */
  versionsOf(subject: string): Promise<readonly (Registered & { readonly schema: WriterSchema })[]>
  close(): Promise<void>
}

/** Versions of a subject that a schema is compared with at most. */
export const maxVersions = 100
/** References of one schema at most, including those of its references. */
const maxReferences = 32

const id = z.int().min(0).max(0xffff_ffff)
const reference = z.object({ subject: z.string(), version: z.int() })
const schema = z.object({
  schema: z.string(),
  schemaType: z.string().nullish(),
  references: z.array(reference).nullish(),
})
const placed = z.object({ id, version: z.int() })

type SchemaAnswer = z.infer<typeof schema>

/** Sends nothing yet. Throws what reading the certificates throws. */
export function openRegistry(access: RegistryAccess): Registry {
  const { ask, close } = openExchange(access)

  return {
    url: access.url,
    close,
    async lookUp(subject, text) {
      const answer = await ask(({ Subject }) => Subject.registered({ subject, body: { schema: text } }), placed)
      return answer.found ? { id: answer.body.id, version: answer.body.version } : null
    },
    async register(subject, text) {
      await ask(({ Subject }) => Subject.register({ subject, body: { schema: text } }), z.object({ id }))
    },
    async schemaOf(id) {
      const answer = await ask(({ Schema }) => Schema.find({ id }), schema).catch(unknownWhenRejected)
      if (!answer.found) return { problem: `The schema registry at ${access.url} has no schema with the id ${id}` }
      return selfContained(ask, answer.body, `The schema with the id ${id}`)
    },
    versionsOf: (subject) => versionsOf(ask, subject),
  }
}

async function versionsOf(ask: Exchange['ask'], subject: string) {
  const newest = await ask(({ Subject }) => Subject.latestVersion({ subject }), placed)
  if (!newest.found) return []
  const last = newest.body.version
  const found = []
  for (let version = Math.max(1, last - maxVersions + 1); version <= last; version++) {
    const answer = await ask(({ Subject }) => Subject.version({ subject, version }), schema.extend({ id }))
    // A deleted version leaves a gap in the numbers.
    if (!answer.found) continue
    const { body } = answer
    found.push({ id: body.id, version, schema: await selfContained(ask, body, `Version ${version} of ${subject}`) })
  }
  return found
}

/** The schema with everything that it refers to inside. */
async function selfContained(ask: Exchange['ask'], answer: SchemaAnswer, what: string): Promise<WriterSchema> {
  if ((answer.schemaType ?? 'AVRO') !== 'AVRO') return { problem: `${what} is not Avro` }
  if (!answer.references?.length) return { text: answer.schema }
  const parts = new Map<string, string>()
  if (!(await collect(ask, answer, parts))) return { problem: `${what} refers to what is not there, or to too much` }
  // Where one of the schemas has an invalid default, they can only be joined in the form that suits a writer.
  const schemas = [...parts.values(), answer.schema].map(parsed)
  const schema = joined(schemas) ?? joined(schemas.map(writerForm))
  return schema ?? { problem: `${what} cannot be put together` }
}

/** Puts the schemas that a schema refers to into `parts`, each after those that it refers to itself. Resolves false where
 *  one is missing or there are too many. */
async function collect(
  ask: Exchange['ask'],
  { references }: SchemaAnswer,
  parts: Map<string, string>,
): Promise<boolean> {
  for (const { subject, version } of references ?? []) {
    const place = `${subject}\n${version}`
    if (parts.has(place)) continue
    if (parts.size >= maxReferences) return false
    // Reserves the place, so that a circle of references ends.
    parts.set(place, '')
    const answer = await ask(({ Subject }) => Subject.version({ subject, version }), schema)
    if (!answer.found || !(await collect(ask, answer.body, parts))) return false
    parts.delete(place)
    parts.set(place, answer.body.schema)
  }
  return true
}

/** A registry that refuses to return a schema is available, and asking again would not help: the schema counts as unknown. */
function unknownWhenRejected(error: unknown): { readonly found: false } {
  if (error instanceof RegistryError && error.code === 'schema-rejected') return { found: false }
  throw error
}

/** The last schema with the others inside; null where they do not fit together. */
function joined(schemas: readonly unknown[]): WriterSchema | null {
  const registry: Record<string, avsc.Type> = {}
  try {
    const types = schemas.map((part) => avsc.Type.forSchema(part as avsc.Schema, { registry, wrapUnions: 'auto' }))
    return { text: JSON.stringify(types.at(-1)?.schema({ exportAttrs: true })) }
  } catch {
    return null
  }
}

/** The parsed text; undefined where it is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
