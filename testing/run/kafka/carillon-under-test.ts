/** A Carillon of several processes on a real broker, with topics of its own and a webhook receiver that counts. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { loadConfig } from '../../../pipeline/config/config.js'
import { carillonTopics } from '../../../pipeline/logs/kafka/topics.js'
import { stageNames } from '../../../stages/stage.js'
import { dropTopics } from '../../logs/kafka/topics-under-test.js'
import { type ProcessUnderTest, readyProcess, runCarillon } from '../../process-under-test.js'

export interface CarillonUnderTest {
  /** Begins a process of the command. */
  run(command: readonly string[], environment?: Readonly<Record<string, string>>): ProcessUnderTest
  /** The ingress and every stage, all ready; by name. */
  runAll(environment?: Readonly<Record<string, string>>): Promise<ReadonlyMap<string, ProcessUnderTest>>
  ready(process: ProcessUnderTest): Promise<void>
  /** Calls of the webhook receiver, by their key. */
  readonly calls: ReadonlyMap<string, number>
  readonly receiver: string
  /** For what must not share a folder with the others. */
  readonly otherFolder: string
  /** Ends every process and removes topics and files. */
  close(): Promise<void>
}

export interface SetUp {
  /** host:port of the broker */
  readonly broker: string
  readonly environment?: Readonly<Record<string, string>>
  /** Of the configuration file, besides those of Kafka. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** How long the receiver takes to answer. */
  readonly answerMs?: number
}

export async function carillonUnderTest({
  broker,
  environment = {},
  settings: own = {},
  answerMs = 0,
}: SetUp): Promise<CarillonUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-processes-'))
  const prefix = `t${randomBytes(4).toString('hex')}.`
  const file = join(folder, 'carillon.yaml')
  writeFileSync(file, stringify({ kafka: { partitions: 2, prefix }, ...own }))
  const calls = new Map<string, number>()
  const receiver = createServer((request, response) => {
    const key = String(request.headers['idempotency-key'])
    calls.set(key, (calls.get(key) ?? 0) + 1)
    request.on('error', () => undefined).resume()
    setTimeout(() => response.writeHead(204).end(), answerMs)
  })
  await once(receiver.listen(0, '127.0.0.1'), 'listening')
  const settings = {
    CARILLON_LOG: `kafka://${broker}`,
    CARILLON_CONFIG: file,
    CARILLON_DATA: join(folder, 'data'),
    CARILLON_PORT: '0',
    CARILLON_OPS_PORT: '0',
    CARILLON_WEBHOOK_SECRET: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    CARILLON_WEBHOOK_ALLOW: '127.0.0.1',
    ...environment,
  }
  const processes = new Set<ProcessUnderTest>()

  const run: CarillonUnderTest['run'] = (command, own = {}) => {
    const env = { PATH: process.env.PATH, ...settings, ...own }
    const started = runCarillon(command, env)
    processes.add(started)
    void started.ended.then(() => processes.delete(started))
    return started
  }
  return {
    run,
    ready: readyProcess,
    calls,
    otherFolder: join(folder, 'other'),
    receiver: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`,
    async runAll(own = {}) {
      // One after another makes what is missing; then all find it.
      const ingress = run(['ingress', '--create-topics'], own)
      await readyProcess(ingress)
      const stages = stageNames.map((name) => [name, run(['stage', name], own)] as const)
      await Promise.all(stages.map(([, stage]) => readyProcess(stage)))
      return new Map<string, ProcessUnderTest>([['ingress', ingress], ...stages])
    },
    async close() {
      await Promise.all([...processes].map((started) => started.end('SIGKILL')))
      receiver.close()
      receiver.closeAllConnections()
      const { kafka } = loadConfig(settings)
      if (kafka)
        await dropTopics(
          broker,
          carillonTopics(kafka).map(({ name }) => name),
        )
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
