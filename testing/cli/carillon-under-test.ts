/** The command `carillon`, run as a user runs it, against a server that gives scripted answers. */
import { spawn } from 'node:child_process'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach } from 'vitest'

const executable = join(import.meta.dirname, '..', '..', 'pipeline', 'cli', 'main.js')

export interface Asked {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly body?: unknown
}

export interface ScriptedServer {
  /** The next answers, in order. */
  answers: readonly { readonly status: number; readonly body: unknown }[]
  /** What was asked so far. */
  readonly asked: readonly Asked[]
  readonly address: string
  /** Answers no more. */
  stop(): Promise<void>
  /** Runs the command with nothing of this process's environment but what is given. */
  carillon(
    args: readonly string[],
    input?: string,
    environment?: Readonly<Record<string, string>>,
  ): Promise<{ readonly code: unknown; readonly out: string; readonly err: string }>
}

/** A server of its own for each test of the file. */
export function scriptedServer(): ScriptedServer {
  let server: Server
  let asked: Asked[] = []
  const scripted = {
    answers: [] as ScriptedServer['answers'],
    address: '',
    get asked() {
      return asked
    },
    stop: () => new Promise<void>((resolve) => server.close(() => resolve())),
    async carillon(args: readonly string[], input = '', environment: Readonly<Record<string, string>> = {}) {
      const env = { PATH: process.env.PATH, CARILLON_URL: scripted.address, ...environment }
      const child = spawn(process.execPath, [executable, ...args], { env })
      child.stdin.end(input)
      const [out, err, code] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        new Promise((resolve) => child.on('close', resolve)),
      ])
      return { code, out, err }
    },
  }

  beforeEach(async () => {
    asked = []
    scripted.answers = []
    server = createServer(async (request, response) => {
      const body = await text(request)
      asked.push({
        ...{ method: request.method, url: request.url, headers: told(request) },
        ...(body === '' ? {} : { body: JSON.parse(body) }),
      })
      const [answer = { status: 500, body: 'not expected' }, ...later] = scripted.answers
      scripted.answers = later
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    scripted.address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterEach(() => scripted.stop())
  return scripted
}

/** The headers that a command sets itself. */
function told({ headers }: IncomingMessage): Record<string, string> {
  const names = ['authorization', 'content-type', 'idempotency-key']
  return Object.fromEntries(
    names.flatMap((name) => (headers[name] === undefined ? [] : [[name, String(headers[name])]])),
  )
}
