/** A Carillon of several processes on a real broker, with topics of its own and a webhook receiver that counts. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import { stageNames } from '../../stages/stage.js'
import { loadConfig } from '../config/config.js'
import { carillonTopics } from '../kafka/carillon-topics.js'
import { dropTopics } from '../kafka/topics-under-test.js'

const executable = join(import.meta.dirname, '..', 'command-line', 'carillon.cjs')
/** After which a wait has failed. */
const patienceMs = 120_000
const stepMs = 20

/** One process. */
export interface ProcessUnderTest {
  readonly child: ChildProcess
  /** Where it listens; rejects when it ends before. */
  readonly address: Promise<string>
  /** Everything it wrote to standard error so far. */
  log(): string
  /** Signals it, and resolves with its exit code when it is gone. */
  end(signal: NodeJS.Signals): Promise<number | null>
  /** Its exit code, when it ends. */
  readonly ended: Promise<number | null>
}

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
    const started = processOf(spawn(process.execPath, [executable, ...command], { env }))
    processes.add(started)
    void started.ended.then(() => processes.delete(started))
    return started
  }
  const ready = async (started: ProcessUnderTest): Promise<void> => {
    const address = await started.address
    await until(
      async () => (await fetch(`${address}/health/ready`).catch(() => null))?.ok === true,
      () => `a ready process: ${started.log()}`,
    )
  }

  return {
    run,
    ready,
    calls,
    otherFolder: join(folder, 'other'),
    receiver: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`,
    async runAll(own = {}) {
      // One after another makes what is missing; then all find it.
      const ingress = run(['ingress', '--create-topics'], own)
      await ready(ingress)
      const stages = stageNames.map((name) => [name, run(['stage', name], own)] as const)
      await Promise.all(stages.map(([, stage]) => ready(stage)))
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

/** Resolves when it holds; rejects where that takes too long. */
export async function until(holds: () => Promise<boolean> | boolean, what: () => string): Promise<void> {
  const deadlineMs = performance.now() + patienceMs
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`This did not come within ${patienceMs} ms: ${what()}`)
    await sleep(stepMs)
  }
}

function processOf(child: ChildProcess): ProcessUnderTest {
  const lines: string[] = []
  const ended = once(child, 'exit').then(([code]) => (typeof code === 'number' ? code : null))
  if (child.stderr) createInterface(child.stderr).on('line', (line) => lines.push(line))
  const log = () => lines.join('\n')
  const listening = new Promise<string>((resolve, reject) => {
    if (child.stdout) {
      createInterface(child.stdout).on('line', (line) => {
        const [, address] = /^Carillon listens on (\S+)$/.exec(line) ?? []
        if (address !== undefined) resolve(address)
      })
    }
    void ended.then((code) => reject(new Error(`It ended with ${code} before it listened: ${log()}`)))
  })
  // A test that expects it to end does not ask where it listens.
  listening.catch(() => undefined)
  return {
    child,
    address: listening,
    log,
    ended,
    async end(signal) {
      child.kill(signal)
      return ended
    },
  }
}
