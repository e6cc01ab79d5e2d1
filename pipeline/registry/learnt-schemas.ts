/** The schemas of a registry as the codec needs them: known without waiting once they are learnt.
 *
 *  Invariant: one request for an id at a time, and none again for an id that the registry does not have until a while
 *  has passed; `known` never forgets an answer that was just given. */
import { bulkhead } from 'cockatiel'
import type { EventName } from '../../schemas/avro.js'
import { Unavailable } from '../../schemas/errors.js'
import type { SchemaSource, WriterSchema } from '../engine/schema-source.js'
import type { Registry } from './registry.js'
import type { OwnSchema } from './subjects.js'

export interface LearntSchemasOptions {
  readonly registry: Pick<Registry, 'schemaOf'>
  /** Today's schemas with their ids; never forgotten. */
  readonly own: readonly (OwnSchema & { readonly id: number })[]
  /** What an earlier process learnt. */
  readonly remembered: ReadonlyMap<number, string>
  readonly nowMs: () => number
  /** Told of all that were ever learnt and are held, oldest first, whenever there is a new one. Must not throw. */
  readonly learnt: (schemas: ReadonlyMap<number, string>) => void
}

/** Ids and characters of schemas that are held; beyond it the oldest is forgotten, and asked for when it comes again. */
const maxSchemas = 1000
const maxCharacters = 16 * 1024 * 1024
/** Ids without a schema that are held. */
const maxMissing = 1000
/** So long an id without a schema is not asked for again. */
const missingForMs = 60_000
/** Registries count in 32 bits with a sign; what is beyond stands in bytes that are no id. */
const maxId = 2 ** 31 - 1
/** Requests under way, and ids that wait for theirs: more than the records of all stages together can name. */
const maxRequests = 4
const maxWaiting = 10_000

export function learntSchemas(options: LearntSchemasOptions): SchemaSource {
  const { registry, nowMs } = options
  const ids = new Map<EventName, number>(options.own.map(({ event, id }) => [event, id]))
  const own = new Map(options.own.map(({ id, text }) => [id, { text }]))
  const schemas = new Map<number, { readonly text: string }>()
  const missing = new Map<number, { readonly problem: string; readonly untilMs: number }>()
  const asking = new Map<number, Promise<void>>()
  const requests = bulkhead(maxRequests, maxWaiting)
  let characters = 0
  for (const [id, text] of options.remembered) hold(id, text)

  return {
    idOf: (event) => ids.get(event) ?? foreign(event),
    known: (id) => (id > maxId ? beyond : (own.get(id) ?? schemas.get(id) ?? missing.get(id))),
    learn(wanted) {
      const open = [...wanted].filter(isOpen)
      return open.length === 0 ? null : Promise.all(open.map(ask)).then(() => undefined)
    },
  }

  function isOpen(id: number): boolean {
    if (id > maxId || own.has(id) || schemas.has(id)) return false
    return (missing.get(id)?.untilMs ?? 0) <= nowMs()
  }

  function ask(id: number): Promise<void> {
    const underWay = asking.get(id)
    if (underWay) return underWay
    const answer = requests
      .execute(() => registry.schemaOf(id))
      .then((schema) => keep(id, schema))
      .catch((error: unknown) => {
        const message = error instanceof Error ? error.message : String(error)
        throw new Unavailable(`A record has a schema that is not known yet. ${message}`, { cause: error })
      })
      .finally(() => asking.delete(id))
    asking.set(id, answer)
    return answer
  }

  function keep(id: number, schema: WriterSchema): void {
    missing.delete(id)
    if ('problem' in schema) {
      missing.set(id, { ...schema, untilMs: nowMs() + missingForMs })
      forgetOldest(missing, maxMissing)
      return
    }
    hold(id, schema.text)
    options.learnt(new Map([...schemas].map(([held, { text }]) => [held, text])))
  }

  function hold(id: number, text: string): void {
    schemas.set(id, { text })
    characters += text.length
    while (schemas.size > maxSchemas || (characters > maxCharacters && schemas.size > 1)) {
      characters -= forgetOldest(schemas, 0)?.text.length ?? 0
    }
  }
}

const beyond: WriterSchema = { problem: 'No schema registry has an id that high' }

/** Drops the oldest entry of a map with more than `most`. */
function forgetOldest<V>(map: Map<number, V>, most: number): V | undefined {
  const oldest = map.entries().next()
  if (map.size <= most || oldest.done) return undefined
  const [id, value] = oldest.value
  map.delete(id)
  return value
}

function foreign(event: string): never {
  throw new Error(`No id was learnt for ${event} when the codec was opened`)
}
