/** A whole Carillon as its users run it, on either engine, with a provider that counts its calls and does as it is told:
 *  what the contracts of other systems are tested on. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { env } from 'node:process'
import { stringify } from 'yaml'
import { brokerAddress } from '../logs/kafka/log-under-test.js'
import { type ProcessUnderTest, readyProcess, runCarillon } from '../process-under-test.js'

/** Before a call is answered that hangs. */
const hangMs = 30_000

export type Engine = 'sqlite' | 'kafka'
/** What the provider does with a call. */
export type Mood = 'well' | 'broken' | 'hanging'

/** One call of the provider. */
export interface ProviderCall {
  readonly key: string
  readonly body: { readonly to: string; readonly channel: string; readonly content: unknown }
  readonly mood: Mood
}

export interface ContractCarillon {
  readonly address: () => string
  readonly calls: readonly ProviderCall[]
  /** From now on. */
  mood: Mood
  /** SIGKILL and a new start on the same data. */
  restart(): Promise<void>
  /** Everything that it wrote to standard error. */
  log(): string
  close(): Promise<void>
}

export interface SetUp {
  readonly engine: Engine
  /** Of the configuration file, besides what the test itself needs. */
  readonly settings?: Readonly<Record<string, unknown>>
}

/** What the tests of an engine are called, and why they cannot run here; null: they can. */
export async function missingFor(engine: Engine): Promise<string | null> {
  if (engine === 'sqlite') return null
  const broker = await brokerAddress()
  return broker.address === null ? broker.missing : null
}

export async function contractCarillon({ engine, settings = {} }: SetUp): Promise<ContractCarillon> {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-contract-'))
  const provider = await providerUnderTest()
  const environment = await environmentOf(engine, folder, settings)
  let process = await started(environment, provider.url)

  return {
    address: () => process.at,
    calls: provider.calls,
    get mood() {
      return provider.mood
    },
    set mood(mood) {
      provider.mood = mood
    },
    log: () => process.log(),
    async restart() {
      await process.end('SIGKILL')
      process = await started(environment, provider.url)
    },
    async close() {
      await process.end('SIGKILL')
      provider.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function environmentOf(engine: Engine, folder: string, settings: object): Promise<Record<string, string>> {
  const file = join(folder, 'carillon.yaml')
  const plain = { CARILLON_DATA: join(folder, 'data'), CARILLON_PORT: '0', CARILLON_CONFIG: file }
  if (engine === 'sqlite') {
    writeFileSync(file, stringify(settings))
    return plain
  }
  const broker = await brokerAddress()
  if (broker.address === null) throw new Error(broker.missing)
  const kafka = { partitions: 2, prefix: `t${randomBytes(4).toString('hex')}.`, createTopics: true }
  writeFileSync(file, stringify({ kafka, compat: { a: { demoUsers: true } }, ...settings }))
  return { ...plain, CARILLON_LOG: `kafka://${broker.address}`, CARILLON_OPS_PORT: '0' }
}

interface Started extends ProcessUnderTest {
  readonly at: string
}

/** Ends it where it does not become ready. */
async function started(environment: Readonly<Record<string, string>>, providerUrl: string): Promise<Started> {
  const process = runCarillon(['start'], { PATH: env.PATH, CARILLON_PROVIDER_URL: providerUrl, ...environment })
  try {
    await readyProcess(process)
    return { ...process, at: await process.address }
  } catch (error) {
    await process.end('SIGKILL')
    throw error
  }
}

/** A provider on a port of its own. Its answer tells a message id. */
async function providerUnderTest() {
  const calls: ProviderCall[] = []
  const state = { mood: 'well' as Mood }
  const server = createServer((request, response) => {
    void answer(request, response, calls, state.mood)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return Object.assign(state, {
    calls,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/send`,
    close() {
      server.close()
      server.closeAllConnections()
    },
  })
}

async function answer(request: IncomingMessage, response: ServerResponse, calls: ProviderCall[], mood: Mood) {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const key = String(request.headers['idempotency-key'])
  calls.push({ key, body: JSON.parse(Buffer.concat(chunks).toString()), mood })
  const isWell = mood === 'well'
  const body = JSON.stringify({ messageId: `m-${key}`, status: isWell ? 'accepted' : 'broken' })
  const end = () => response.writeHead(isWell ? 202 : 500, { 'content-type': 'application/json' }).end(body)
  if (mood === 'hanging') setTimeout(end, hangMs).unref()
  else end()
}
