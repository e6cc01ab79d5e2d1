/** Today's schemas against those of a registry, and into it: `carillon schemas check` and `carillon schemas register`. */
import avsc from 'avsc'
import { avroType, type EventName } from '../../schemas/avro.js'
import { writerForm } from '../../schemas/writer-schema.js'
import type { WriterSchema } from '../engine/schema-source.js'
import { RegistryError } from './exchange.js'
import type { Registered, Registry } from './registry.js'
import { type OwnSchema, ownSchemas } from './subjects.js'

/** How one subject stands. */
export interface SubjectComparison {
  readonly subject: string
  readonly event: EventName
  /** Of today's schema; null: it is not registered. */
  readonly id: number | null
  readonly version: number | null
  /** `known`: today's schema is registered. `compatible`, `incompatible`: another is. `new`: none is. */
  readonly state: 'known' | 'new' | 'compatible' | 'incompatible'
  /** Why it is incompatible; empty otherwise. */
  readonly problem: string
}

/** One subject after the registration. */
export interface Registration extends Registered {
  readonly subject: string
  readonly state: 'new' | 'known'
}

const maxProblem = 300

/** Compares every event's schema with its subject: today's must read what every registered version wrote, for the
 *  records stay; and the newest registered one what today's writes, for both run side by side during a rollout. What
 *  the registry itself demands of a subject is for it to say when a schema is registered. */
export async function compareWithRegistry(registry: Registry): Promise<SubjectComparison[]> {
  const comparisons: SubjectComparison[] = []
  for (const own of ownSchemas()) comparisons.push(await compare(registry, own))
  return comparisons
}

/** Registers what is not registered, all or, where one is incompatible, none. */
export async function registerAll(registry: Registry): Promise<Registration[]> {
  const compared = await compareWithRegistry(registry)
  const broken = compared.filter(({ state }) => state === 'incompatible')
  if (broken.length > 0) {
    const lines = broken.map(({ subject, problem }) => `${subject}: ${problem}`)
    throw new RegistryError('schema-rejected', `Nothing was registered. ${lines.join('; ')}`)
  }
  const done: Registration[] = []
  for (const { subject, text } of ownSchemas()) {
    const before = await registry.lookUp(subject, text)
    if (!before) await registry.register(subject, text)
    const place = before ?? (await registry.lookUp(subject, text))
    if (!place) throw new RegistryError('schema-not-registered', `${subject} was registered and is not found again.`)
    done.push({ subject, ...place, state: before ? 'known' : 'new' })
  }
  return done
}

async function compare(registry: Registry, { event, subject, text }: OwnSchema): Promise<SubjectComparison> {
  const place = await registry.lookUp(subject, text)
  const versions = await registry.versionsOf(subject)
  const problem = problemWith(event, versions)
  const base = { subject, event, id: place?.id ?? null, version: place?.version ?? null, problem }
  if (problem !== '') return { ...base, state: 'incompatible' }
  if (place) return { ...base, state: 'known' }
  return { ...base, state: versions.length === 0 ? 'new' : 'compatible' }
}

function problemWith(
  event: EventName,
  versions: readonly { readonly version: number; readonly schema: WriterSchema }[],
): string {
  const today = avroType(event)
  for (const [index, { version, schema }] of versions.entries()) {
    if ('problem' in schema) return schema.problem
    try {
      const registered: unknown = JSON.parse(schema.text)
      const unread = unreadable(today, typeOf(writerForm(registered)))
      if (unread !== null) return `what version ${version} wrote cannot be read: ${unread}`
      const reader = index === versions.length - 1 ? readerOf(registered) : null
      const old = reader && unreadable(reader, today)
      if (old !== null) return `version ${version} could not read what is written now: ${old}`
    } catch (error) {
      return `version ${version} is no Avro that can be read: ${reason(error)}`
    }
  }
  return ''
}

function typeOf(schema: unknown): avsc.Type {
  return avsc.Type.forSchema(schema as avsc.Schema, { wrapUnions: 'auto' })
}

/** Null: what has a default that is none is nobody's reader. */
function readerOf(schema: unknown): avsc.Type | null {
  try {
    return typeOf(schema)
  } catch {
    return null
  }
}

/** Why the one cannot read what the other wrote; null where it can. */
function unreadable(reader: avsc.Type, writer: avsc.Type): string | null {
  try {
    reader.createResolver(writer, { ignoreNamespaces: true })
    return null
  } catch (error) {
    return reason(error)
  }
}

function reason(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, maxProblem)
}
