/** The codec of a process: on the released schemas, or on those of a registry, whose ids it learns when it starts.
 *
 *  A process that has run before remembers them and needs no registry; one that has not ends with one clear line. */
import type { RegistryConfig } from '../config/registry.js'
import { type Codec, createCodec } from '../engine/codec.js'
import { RegistryError } from './exchange.js'
import { learntSchemas } from './learnt-schemas.js'
import { openRegistry, type Registry } from './registry.js'
import { type Remembered, recall, remember } from './remembered-schemas.js'
import { type OwnSchema, ownSchemas } from './subjects.js'

export interface OpenCodecOptions {
  /** Null: no registry; the ids are those of schemas/released. */
  readonly registry: RegistryConfig | null
  /** This process's own folder, which exists: what was learnt is kept here. */
  readonly folder: string
  readonly nowMs: () => number
  /** Told of trouble that does not keep it from working, in words for the log. */
  readonly warn: (message: string) => void
}

export interface OpenCodec {
  readonly codec: Codec
  close(): Promise<void>
}

/** Rejects with `RegistryError`, whose message is one line. */
export async function openCodec({ registry: config, folder, nowMs, warn }: OpenCodecOptions): Promise<OpenCodec> {
  if (config === null) return { codec: createCodec(), close: async () => undefined }
  const registry = openRegistry(config)
  try {
    const before = recall(folder, config.url)
    const own = await ownIds(registry, config.autoRegister, before, warn)
    const remembered = before && isOfThisRegistry(before, own) ? before : null
    const ids = Object.fromEntries(own.map(({ event, id }) => [event, id]))
    const keep = (learnt: ReadonlyMap<number, string>) => {
      const schemas = new Map([...learnt, ...own.map(({ id, text }) => [id, text] as const)])
      try {
        remember(folder, config.url, { ids, schemas })
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
        warn(`What the schema registry said cannot be kept in ${folder} (${code}); the next start needs the registry`)
      }
    }
    const known = remembered?.schemas ?? new Map<number, string>()
    const source = learntSchemas({ registry, own, remembered: known, nowMs, learnt: keep })
    keep(known)
    return { codec: createCodec(source), close: registry.close }
  } catch (error) {
    await registry.close()
    throw error
  }
}

type WithId = OwnSchema & { readonly id: number }

/** False: the registry was built anew, and what was learnt of its ids holds no more. */
function isOfThisRegistry({ ids, schemas }: Remembered, own: readonly WithId[]): boolean {
  return own.every(({ event, id, text }) => {
    const before = ids[event]
    return before === undefined || before === id || schemas.get(before) !== text
  })
}

async function ownIds(
  registry: Registry,
  autoRegister: boolean,
  remembered: Remembered | null,
  warn: (message: string) => void,
): Promise<readonly WithId[]> {
  const schemas = ownSchemas()
  try {
    return await registeredIds(registry, schemas, autoRegister)
  } catch (error) {
    if (!(error instanceof RegistryError) || ['schema-not-registered', 'schema-rejected'].includes(error.code))
      throw error
    const warm = schemas.flatMap((schema) => {
      const id = remembered?.ids[schema.event]
      return id !== undefined && remembered?.schemas.get(id) === schema.text ? [{ ...schema, id }] : []
    })
    if (warm.length === schemas.length) {
      warn(`Going on with the schemas of an earlier start. ${error.message}`)
      return warm
    }
    throw new RegistryError(
      error.code,
      `${error.message} (Nothing is remembered of an earlier start with these schemas, so it is needed now.)`,
      { cause: error },
    )
  }
}

async function registeredIds(registry: Registry, schemas: readonly OwnSchema[], autoRegister: boolean) {
  const found: WithId[] = []
  const absent: OwnSchema[] = []
  for (const schema of schemas) {
    const place = await registry.lookUp(schema.subject, schema.text)
    if (place) found.push({ ...schema, id: place.id })
    else absent.push(schema)
  }
  if (absent.length > 0 && !autoRegister) {
    const names = absent.map(({ subject }) => subject).join(', ')
    throw new RegistryError(
      'schema-not-registered',
      `The schema registry at ${registry.url} does not have today’s ${names}. Run: carillon schemas register`,
    )
  }
  for (const schema of absent) found.push({ ...schema, id: await registeredId(registry, schema) })
  return found
}

/** Registers a schema and tells its id. */
async function registeredId(registry: Registry, { subject, text }: OwnSchema): Promise<number> {
  await registry.register(subject, text)
  const place = await registry.lookUp(subject, text)
  if (place) return place.id
  const message = `The schema registry at ${registry.url} took ${subject} and does not find it again. Run: carillon schemas check`
  throw new RegistryError('schema-not-registered', message)
}
