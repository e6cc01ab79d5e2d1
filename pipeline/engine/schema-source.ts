/** Where the codec has its schemas from: the released ones of this build, or a registry (pipeline/registry). */
import type { EventName } from '../../schemas/avro.js'
import { readReleased } from '../../schemas/sources.js'

/** What an id stands for: the writer's schema as JSON, with every named type inside; or why there is none. */
export type WriterSchema = { readonly text: string } | { readonly problem: string }

/** Schemas by the ids on the wire. What is known of an id as a schema never changes. */
export interface SchemaSource {
  /** The id under which today's schema of an event is written. */
  idOf(event: EventName): number
  /** What an id stands for, without waiting; undefined: nobody knows until it is learnt. */
  known(id: number): WriterSchema | undefined
  /** Asks for the ids that are not known. Null: there is nothing to ask. Rejects with `Unavailable` while there is
   *  nobody to answer. A source without it knows all there is. */
  learn?(ids: Iterable<number>): Promise<void> | null
}

/** The schemas of schemas/released, under the ids in their file names. */
export function releasedSchemas(): SchemaSource {
  const released = readReleased()
  const texts = new Map(released.map(({ id, text }) => [id, { text }]))
  const ids = new Map(released.map(({ event, id }) => [event, id]))
  return {
    idOf: (event) => ids.get(event) ?? missing(event),
    known: (id) => texts.get(id) ?? { problem: `No schema has the id ${id}` },
  }
}

function missing(event: string): never {
  throw new Error(`schemas/released has no schema for ${event}. Run: npm run types`)
}
