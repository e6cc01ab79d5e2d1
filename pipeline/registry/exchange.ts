/** The registry's client, @kafkajs/confluent-schema-registry, and what it lacks: each of its requests goes out by undici
 *  here, with one deadline until the last byte, a bound on what is read and no redirects, and every failure is told by its
 *  kind. Its own transport waits for ever for an answer that is cut off in the middle, and its retries cannot be set for
 *  one client alone.
 *
 *  Only the part that knows the API is loaded. The rest would compile whatever an id in a record stands for, Protobuf and
 *  JSON Schema too, and parse a reader's schema anew for each record.
 *  https://docs.confluent.io/platform/current/schema-registry/develop/api.html */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type clients from '@kafkajs/confluent-schema-registry/dist/api/index.js'
import type {
  SchemaRegistryAPIClient,
  SchemaRegistryAPIClientArgs,
} from '@kafkajs/confluent-schema-registry/dist/api/index.js'
import { Agent, type Dispatcher, request } from 'undici'
import { z } from 'zod'
import type { RegistryAccess } from '../config/registry.js'

/** The registry, or what it says, keeps Carillon from going on. Messages are for a person, say what to do, and hold no
 *  secret. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError'
  constructor(
    /** Stable code in kebab case. */
    readonly code: /** It does not answer, or says that it cannot now. */
      | 'registry-away'
      /** Its certificate is not trusted. */
      | 'registry-not-trusted'
      /** It wants other credentials. */
      | 'registry-refuses'
      /** What answers is no registry, or not at this path. */
      | 'registry-not-understood'
      /** It has no such schema of today's. */
      | 'schema-not-registered'
      /** It does not take a schema. */
      | 'schema-rejected',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/** `found: false`: the registry knows no such id, subject, version or schema. */
export type Answer<T> = { readonly found: true; readonly body: T } | { readonly found: false }

export interface Exchange {
  /** Makes one call of the client. Rejects with `RegistryError`. */
  ask<T>(call: (client: SchemaRegistryAPIClient) => unknown, answer: z.ZodType<T>): Promise<Answer<T>>
  close(): Promise<void>
}

/** The client is loaded where there is a registry; it is CommonJS, and its default export has another shape for an import. */
const load = createRequire(import.meta.url)
/** Larger than any schema with a reason to be. */
const answerBytes = 1024 * 1024
/** A registry is asked seldom, and by many processes. */
const connections = 4
const maxRefusal = 500

/** The error codes of a 404 that the registry itself gives; another 404 comes from a wrong path. */
const notFoundCodes: ReadonlySet<number | undefined> = new Set([40401, 40402, 40403])
const notTrusted =
  /^(?:(?:DEPTH_ZERO_)?SELF_SIGNED_CERT(?:_IN_CHAIN)?|UNABLE_TO_(?:GET_ISSUER_CERT(?:_LOCALLY)?|VERIFY_LEAF_SIGNATURE)|CERT_[A-Z_]+|ERR_TLS_CERT_[A-Z_]+)$/

const problem = z.object({ error_code: z.number().optional(), message: z.string().optional() })

/** Connects when it is first asked. Throws what reading `caFile` throws. */
export function openExchange(access: RegistryAccess): Exchange {
  const { url, username, password, caFile, timeoutMs } = access
  const ca = caFile === null ? {} : { ca: readFileSync(caFile) }
  const agent = new Agent({ connect: { ...ca, timeout: timeoutMs }, connections, maxResponseSize: answerBytes })
  const own = {
    accept: 'application/vnd.schemaregistry.v1+json, application/json',
    // The client's own would fail on letters beyond Latin-1.
    ...(username === null ? {} : { authorization: `Basic ${base64(`${username}:${password ?? ''}`)}` }),
  }
  // The last one stands outermost: by never asking for the next it takes the place of all others' handling of answers.
  const transport: Middleware = () => ({ response: (_next, _renew, asked) => exchanged(asked) as Promise<never> })
  const { default: registryClient } = load('@kafkajs/confluent-schema-registry/dist/api/index.js') as typeof clients
  const client = registryClient({ host: url.replace(/\/+$/, ''), middlewares: [transport] })

  return {
    async ask(call, answer) {
      const { statusCode, text } = (await call(client)) as Exchanged
      return understood(url, statusCode, text, answer)
    },
    close: () => agent.destroy(),
  }

  async function exchanged(asked: Asked): Promise<Exchanged> {
    const method = asked.method().toUpperCase() as Dispatcher.HttpMethod
    const headers = { ...asked.headers(), ...own } as Record<string, string>
    const body = (asked.body() ?? null) as string | null
    const signal = AbortSignal.timeout(timeoutMs)
    try {
      const answer = await request(asked.url(), { method, headers, body, dispatcher: agent, signal })
      return { statusCode: answer.statusCode, text: await answer.body.text() }
    } catch (error) {
      throw unanswered(url, timeoutMs, error)
    }
  }
}

type Middleware = NonNullable<SchemaRegistryAPIClientArgs['middlewares']>[number]
type Asked = Parameters<NonNullable<ReturnType<Middleware>['response']>>[2]
type Exchanged = { readonly statusCode: number; readonly text: string }

function understood<T>(url: string, status: number, text: string, answer: z.ZodType<T>): Answer<T> {
  const body = jsonIn(text)
  if (status === 200) {
    const parsed = answer.safeParse(body)
    if (parsed.success) return { found: true, body: parsed.data }
    throw notUnderstood(url, status)
  }
  const { error_code: code, message = '' } = problem.safeParse(body).data ?? {}
  if (status === 404 && notFoundCodes.has(code)) return { found: false }
  if (status === 401 || status === 403) {
    throw new RegistryError(
      'registry-refuses',
      `The schema registry at ${url} answered ${status}: set its user and password, in CARILLON_REGISTRY or by registry.username and registry.passwordEnv.`,
    )
  }
  if (status === 409 || status === 422) {
    const why = message.slice(0, maxRefusal).replaceAll(/\s+/g, ' ')
    throw new RegistryError('schema-rejected', `The schema registry at ${url} rejects the schema (${status}): ${why}`)
  }
  if (status >= 500 || status === 429 || status === 408) {
    throw new RegistryError('registry-away', `The schema registry at ${url} answered ${status}. See to it.`)
  }
  throw notUnderstood(url, status)
}

function notUnderstood(url: string, status: number): RegistryError {
  return new RegistryError(
    'registry-not-understood',
    `What answers at ${url} (${status}) is no schema registry with Confluent’s API. Look at the path of CARILLON_REGISTRY; Apicurio’s ends with /apis/ccompat/v7.`,
  )
}

function unanswered(url: string, timeoutMs: number, cause: unknown): RegistryError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'no connection'
  if (notTrusted.test(code)) {
    return new RegistryError(
      'registry-not-trusted',
      `The certificate of the schema registry at ${url} is not trusted (${code}). Set registry.caFile to the certificate of who signed it.`,
      { cause },
    )
  }
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
    const message = `The schema registry at ${url} answered more than ${answerBytes} bytes.`
    return new RegistryError('registry-not-understood', message, { cause })
  }
  const late = cause instanceof Error && cause.name === 'TimeoutError'
  const what = late ? `did not answer within ${timeoutMs} ms` : `cannot be reached (${code})`
  const message = `The schema registry at ${url} ${what}. Start it, or set CARILLON_REGISTRY to where it is.`
  return new RegistryError('registry-away', message, { cause })
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // A proxy's page: told by the status alone.
    return undefined
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
