/** A server for the console's test: the console's files as the ingress serves them, and answers of the API as a
 *  script says. */
import { OpenAPIHono } from '@hono/zod-openapi'
import type { IngressEnvironment } from '../../../ingress/endpoint.js'
import { consoleFiles } from '../../../ingress/routes/console.js'
import { serveIngress } from '../../../ingress/server.js'
import { serveFiles } from '../../../ingress/static-files.js'

/** What a request is answered with. */
export interface Answer {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** A request as the script sees it. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Headers
  readonly body: unknown
}

export interface ScriptedServer {
  /** Ends with a slash. */
  readonly url: string
  close(): Promise<void>
}

/** Serves the console's files, and what `script` answers to everything else. */
export async function serveConsole(script: (asked: Asked) => Answer): Promise<ScriptedServer> {
  const app = new OpenAPIHono<IngressEnvironment>()
  serveFiles(app, consoleFiles())
  app.all('*', async ({ req }) => {
    const { pathname, searchParams } = new URL(req.url)
    const text = await req.text()
    const body: unknown = text === '' ? undefined : JSON.parse(text)
    const answer = script({ method: req.method, path: pathname, query: searchParams, headers: req.raw.headers, body })
    const type = answer.status < 400 ? 'application/json' : 'application/problem+json'
    const headers = { 'content-type': type, ...answer.headers }
    return new Response(JSON.stringify(answer.body), { status: answer.status, headers })
  })
  const { port, close } = await serveIngress(app, { host: '127.0.0.1', port: 0, drainMs: 1000 })
  return { url: `http://127.0.0.1:${port}/`, close }
}
