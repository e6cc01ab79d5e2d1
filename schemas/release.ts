/** Compares today's schemas with the last released ones.
 *
 *  A change must be readable both ways: a new stage reads what an old one wrote, and an old stage what a new one
 *  writes, because both run side by side during a rollout (the registry's FULL compatibility). */
import avsc from 'avsc'
import { avroType } from './avro.js'
import type { Events } from './events.js'
import { type ReleasedSchema, readReleased } from './sources.js'
import { streamEvents } from './streams.js'

/** How one event's schema stands against its last release. */
export interface SchemaComparison {
  readonly event: keyof Events
  readonly releasedId: number | null
  readonly state: 'same' | 'compatible' | 'incompatible' | 'new'
  /** Why it is incompatible; empty otherwise. */
  readonly problem: string
}

/** Compares every event that stands on a topic. */
export function compareWithReleased(): SchemaComparison[] {
  const released = readReleased()
  return streamEvents().map((event) => compareWith(event, released.filter((schema) => schema.event === event).at(-1)))
}

/** One line for each schema that broke compatibility. */
export function releaseProblems(): string[] {
  return compareWithReleased()
    .filter(({ state }) => state === 'incompatible')
    .map(({ event, releasedId, problem }) => `schemas/${event}.avsc breaks release ${releasedId}: ${problem}`)
}

/** The files that a release of today's schemas would add to schemas/released. */
export function releasesToWrite(): { file: string; text: string }[] {
  let id = Math.max(0, ...readReleased().map((schema) => schema.id))
  return compareWithReleased()
    .filter(({ state }) => state === 'new' || state === 'compatible')
    .map(({ event }) => ({ file: `${++id}-${event}.avsc`, text: `${inlined(event)}\n` }))
}

/** Compares one event's schema with a release of it; undefined: it was never released. */
export function compareWith(event: keyof Events, released: ReleasedSchema | undefined): SchemaComparison {
  if (!released) return { event, releasedId: null, state: 'new', problem: '' }
  const base = { event, releasedId: released.id }
  if (released.text.trim() === inlined(event)) return { ...base, state: 'same', problem: '' }
  const current = avroType(event)
  const before = avsc.Type.forSchema(JSON.parse(released.text), { wrapUnions: false })
  try {
    current.createResolver(before)
    before.createResolver(current)
    return { ...base, state: 'compatible', problem: '' }
  } catch (error) {
    return { ...base, state: 'incompatible', problem: error instanceof Error ? error.message : String(error) }
  }
}

/** The schema with every named record inside, as the registry and a stranger can read it. */
export function inlined(event: keyof Events): string {
  return JSON.stringify(avroType(event).schema({ exportAttrs: true }), null, 2)
}
