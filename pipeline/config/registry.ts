/** The file's `registry` section, and what comes of it and of CARILLON_REGISTRY. */
import { accessSync, constants } from 'node:fs'
import { resolve } from 'node:path'
import { z } from 'zod'
import { defaults } from './defaults.js'
import type { Environment } from './environment.js'
import { section, text, variableName, whole } from './fields.js'

/** Where a registry is and how to be let in. */
export interface RegistryAccess {
  /** Without credentials, as it may be shown; with the path before `/subjects`. */
  readonly url: string
  /** Basic authentication; null: none. */
  readonly username: string | null
  readonly password: string | null
  /** Certificates (PEM) of who signs the registry's; null: those that Node trusts. */
  readonly caFile: string | null
  /** How long one answer may take, from the dialling to its last byte. */
  readonly timeoutMs: number
}

/** How the schema registry is used. Holds a secret: never to be logged. */
export interface RegistryConfig extends RegistryAccess {
  /** Whether a process that starts registers schemas of its own that are missing. */
  readonly autoRegister: boolean
}

/** The section `registry`. */
export const registrySection = section({
  username: text((value) => /^[^:\p{Cc}]+$/u.test(value), 'must be the user’s name, without a colon')
    .optional()
    .meta({ description: 'The user, where the URL has none.' }),
  passwordEnv: variableName.optional().meta({ description: 'The variable that holds the password.' }),
  caFile: text((value) => value !== '' && !value.includes('\0'), 'must be the path of a file in PEM form')
    .optional()
    .meta({ description: 'The certificate of an authority.' }),
  timeoutMs: whole(100, 60_000)
    .default(defaults.registryTimeoutMs)
    .meta({ description: 'The time-out of one request.' }),
  autoRegister: z
    .boolean({ error: 'must be true or false' })
    .default(false)
    .meta({ description: 'Whether processes register the schemas that are missing.' }),
})

/** The section, its defaults filled in. */
export type RegistrySection = z.infer<typeof registrySection>

/** Null where there is no registry, and one line for each problem. */
export interface ResolvedRegistry {
  readonly registry: RegistryConfig | null
  readonly problems: readonly string[]
}

/** Takes the credentials out of the URL, finds the password, looks for the file. `place` names a key of the file. */
export function resolveRegistry(
  given: string | undefined,
  { username, passwordEnv, caFile, timeoutMs, autoRegister }: RegistrySection,
  place: (key: string) => string,
  environment: Environment,
): ResolvedRegistry {
  const url = given === undefined ? null : new URL(given)
  const inUrl = url !== null && (url.username !== '' || url.password !== '')
  const problems = [
    ...(inUrl && username !== undefined
      ? [`${place('registry.username')}: is in CARILLON_REGISTRY too; keep one`]
      : []),
    ...((username === undefined) === (passwordEnv === undefined)
      ? []
      : [`${place('registry')}: has only one of username and passwordEnv; give both, or none`]),
    ...(passwordEnv !== undefined && !environment[passwordEnv]
      ? [`${place('registry.passwordEnv')}: the variable ${passwordEnv} is not set; set it to the password`]
      : []),
    ...missingFile(caFile, place),
    ...(inUrl && !isDecodable(url) ? ['CARILLON_REGISTRY: its user and password must be percent-encoded'] : []),
  ]
  if (url === null || problems.length > 0) return { registry: null, problems }
  const credentials = inUrl
    ? { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) }
    : { username: username ?? null, password: (passwordEnv && environment[passwordEnv]) ?? null }
  return {
    registry: {
      url: `${url.origin}${url.pathname}`.replace(/\/+$/, ''),
      ...credentials,
      caFile: caFile === undefined ? null : resolve(caFile),
      timeoutMs,
      autoRegister,
    },
    problems,
  }
}

function isDecodable({ username, password }: URL): boolean {
  try {
    decodeURIComponent(username)
    decodeURIComponent(password)
    return true
  } catch {
    return false
  }
}

function missingFile(path: string | undefined, place: (key: string) => string): string[] {
  if (path === undefined) return []
  try {
    accessSync(path, constants.R_OK)
    return []
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    return [`${place('registry.caFile')}: cannot be read (${code}); it must be a file that Carillon may read`]
  }
}
