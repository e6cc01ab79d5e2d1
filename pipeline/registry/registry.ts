/** What Carillon asks of a schema registry with Confluent's API. A schema that a registry gives has everything it names
 *  inside, also where it was registered with references. */
import avsc from 'avsc'
import { z } from 'zod'
import { writerForm } from '../../schemas/writer-schema.js'
import type { RegistryAccess } from '../config/registry.js'
import type { WriterSchema } from '../engine/schema-source.js'
import { openExchange, RegistryError } from './exchange.js'

/** A schema's place in its subject. */
export interface Registered {
  readonly id: number
  /** Counts within the subject. */
  readonly version: number
}

/** Every method rejects with `RegistryError`. */
export interface Registry {
  /** Where it is, without credentials. */
  readonly url: string
  /** Where a subject holds this very schema; null: nowhere. */
  lookUp(subject: string, text: string): Promise<Registered | null>
  /** Adds a schema to a subject. One that is there already stays as it is. */
  register(subject: string, text: string): Promise<void>
  /** What an id stands for. */
  schemaOf(id: number): Promise<WriterSchema>
  /** Versions of a subject, oldest first, of the newest `versionsMost` numbers; empty for a subject that is not there. */
  versionsOf(subject: string): Promise<readonly (Registered & { readonly schema: WriterSchema })[]>
  close(): Promise<void>
}

/** More are not compared with. */
export const maxVersions = 100
/** References of one schema, those of its references included. */
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

/** Asks for nothing yet. Throws what reading the certificates throws. */
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
      return selfContained(answer.body, `The schema with the id ${id}`)
    },
    async versionsOf(subject) {
      const newest = await ask(({ Subject }) => Subject.latestVersion({ subject }), placed)
      if (!newest.found) return []
      const last = newest.body.version
      const found = []
      for (let version = Math.max(1, last - maxVersions + 1); version <= last; version++) {
        const answer = await ask(({ Subject }) => Subject.version({ subject, version }), schema.extend({ id }))
        // Deleted.
        if (!answer.found) continue
        const { body } = answer
        found.push({ id: body.id, version, schema: await selfContained(body, `Version ${version} of ${subject}`) })
      }
      return found
    },
  }

  async function selfContained(answer: SchemaAnswer, what: string): Promise<WriterSchema> {
    if ((answer.schemaType ?? 'AVRO') !== 'AVRO') return { problem: `${what} is not Avro` }
    if (!answer.references?.length) return { text: answer.schema }
    const parts = new Map<string, string>()
    if (!(await collect(answer, parts))) return { problem: `${what} refers to what is not there, or to too much` }
    // Only as writers' they can be, where one of them has a default that is none.
    const schemas = [...parts.values(), answer.schema].map(parsed)
    const schema = joined(schemas) ?? joined(schemas.map(writerForm))
    return schema ?? { problem: `${what} cannot be put together` }
  }

  /** Puts what a schema refers to into `parts`, each after those it refers to. */
  async function collect({ references }: SchemaAnswer, parts: Map<string, string>): Promise<boolean> {
    for (const { subject, version } of references ?? []) {
      const place = `${subject}\n${version}`
      if (parts.has(place)) continue
      if (parts.size >= maxReferences) return false
      // Kept free for it, so that a circle ends.
      parts.set(place, '')
      const answer = await ask(({ Subject }) => Subject.version({ subject, version }), schema)
      if (!answer.found || !(await collect(answer.body, parts))) return false
      parts.delete(place)
      parts.set(place, answer.body.schema)
    }
    return true
  }
}

/** A registry that refuses to give out what it has is not away: nobody will ever read it. */
function unknownWhenRejected(error: unknown): { readonly found: false } {
  if (error instanceof RegistryError && error.code === 'schema-rejected') return { found: false }
  throw error
}

/** The last schema with the others inside; null: they do not fit. */
function joined(schemas: readonly unknown[]): WriterSchema | null {
  const registry: Record<string, avsc.Type> = {}
  try {
    const types = schemas.map((part) => avsc.Type.forSchema(part as avsc.Schema, { registry, wrapUnions: 'auto' }))
    return { text: JSON.stringify(types.at(-1)?.schema({ exportAttrs: true })) }
  } catch {
    return null
  }
}

/** Undefined: it is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
