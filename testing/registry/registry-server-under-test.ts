/** A small schema registry with Confluent's API, for what a real one cannot be made to do: to hang, to break, to be
 *  counted. It speaks HTTP or HTTPS on a free port of the loopback. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { RegistryAccess } from '../../pipeline/config/registry.js'

interface Version {
  readonly subject: string
  readonly version: number
  readonly id: number
  readonly schema: string
  readonly schemaType?: string
  readonly references?: readonly { readonly name: string; readonly subject: string; readonly version: number }[]
}

export interface RegistryServer {
  /** As the registry's clients are told of it. */
  readonly access: RegistryAccess
  /** Every request so far: method and path. */
  readonly calls: readonly string[]
  /** The Authorization of every request so far. */
  readonly authorizations: readonly (string | undefined)[]
  /** Answers in its place while it is set. */
  instead: ((request: IncomingMessage, response: ServerResponse) => void) | null
  /** Registers a schema without asking. */
  add(subject: string, schema: string, more?: Partial<Version>): number
  /** Goes away, and comes back on the same port. */
  stop(): Promise<void>
  start(): Promise<void>
}

/** Starts an empty registry. `ids`: the first that it gives. `at`: its port; 0 for any. */
export async function startRegistryServer(
  tls: { readonly key: string; readonly cert: string } | null = null,
  ids = 100,
  at = 0,
): Promise<RegistryServer> {
  const versions: Version[] = []
  const calls: string[] = []
  const authorizations: (string | undefined)[] = []
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    calls.push(`${request.method} ${request.url}`)
    authorizations.push(request.headers.authorization)
    if (registry.instead) registry.instead(request, response)
    else void answer(request, response)
  }
  const server = tls ? createSecureServer(tls, serve) : createServer(serve)
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  await listen(at)
  const { port } = server.address() as AddressInfo
  const url = `${tls ? 'https' : 'http'}://127.0.0.1:${port}/registry`

  const registry: RegistryServer = {
    access: { url, username: null, password: null, caFile: null, timeoutMs: 10_000 },
    calls,
    authorizations,
    instead: null,
    add(subject, schema, more = {}) {
      const known = versions.find((one) => one.schema === schema)
      const version = 1 + versions.filter((one) => one.subject === subject).length
      const id = known?.id ?? ids + versions.length
      versions.push({ subject, version, id, schema, ...more })
      return id
    },
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
    start: () => listen(port),
  }
  return registry

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = request.method === 'POST' ? (JSON.parse(await text(request)) as { schema: string }) : null
    const { status, body } = decided((request.url ?? '').split('/').slice(2).map(decodeURIComponent), asked)
    response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' })
    response.end(JSON.stringify(body))
  }

  function decided([kind, name = '', part, number]: readonly string[], asked: { schema: string } | null) {
    if (kind === 'schemas')
      return found(
        versions.find(({ id }) => id === Number(part)),
        40403,
      )
    const subject = versions.filter((one) => one.subject === name)
    if (asked && part === 'versions') return { status: 200, body: { id: registry.add(name, asked.schema) } }
    if (subject.length === 0) return found(undefined, 40401)
    if (asked)
      return found(
        subject.find(({ schema }) => schema === asked.schema),
        40403,
      )
    if (number === undefined) return { status: 200, body: subject.map(({ version }) => version) }
    return found(
      number === 'latest' ? subject.at(-1) : subject.find(({ version }) => version === Number(number)),
      40402,
    )
  }
}

function found(version: Version | undefined, code: number) {
  if (version) return { status: 200, body: version }
  return { status: 404, body: { error_code: code, message: 'Not found.' } }
}
