/** Carillon's processes on Kafka, each on a port of its own that it keeps when it starts again. */
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { type StageName, stageNames } from '../../../stages/stage.js'
import { type ProcessUnderTest, readyProcess, runCarillon } from '../../process-under-test.js'
import type { ScrapedJob } from '../prometheus-under-test.js'

export interface Processes {
  /** Of the HTTP API. */
  readonly address: string
  /** Of all processes, those included that do not run yet. */
  readonly jobs: readonly ScrapedJob[]
  /** Begins a stage's process, the first or a second one with nothing in its folder; resolves when it is ready. */
  start(stage: StageName, which: 'first' | 'second'): Promise<void>
  /** Resolves when it has ended. */
  end(stage: StageName, which: 'first' | 'second', signal: NodeJS.Signals): Promise<void>
  close(): Promise<void>
}

interface SetUp {
  readonly environment: Readonly<Record<string, string>>
  readonly settings: object
}

/** The ingress, every stage and the lag exporter, all ready. `folder`: for all their files. `seconds`: stages that may get
 *  a second process. */
export async function startProcesses(
  folder: string,
  seconds: readonly StageName[],
  { environment, settings }: SetUp,
): Promise<Processes> {
  const config = join(folder, 'carillon.yaml')
  writeFileSync(config, stringify(settings))
  const firsts = stageNames.map((stage) => nameOf(stage, 'first'))
  const others = seconds.map((stage) => nameOf(stage, 'second'))
  const ports = await freePorts(['ingress', 'lag-exporter', ...firsts, ...others])
  const running = new Map<string, ProcessUnderTest>()
  const run = async (name: string, command: readonly string[]) => {
    const started = runCarillon(command, {
      PATH: process.env.PATH,
      CARILLON_CONFIG: config,
      // What several processes of one machine share lies beside their folders.
      CARILLON_DATA: join(folder, name.endsWith('second') ? 'others' : 'data'),
      CARILLON_PORT: String(ports.get(name)),
      CARILLON_OPS_PORT: String(ports.get(name)),
      ...environment,
    })
    running.set(name, started)
    await readyProcess(started)
  }
  const start: Processes['start'] = (stage, which) => run(nameOf(stage, which), ['stage', stage])
  const close = async () => {
    await Promise.all([...running.values()].map((one) => one.end('SIGKILL')))
  }
  const targets = (names: readonly string[]) => names.map((name) => `127.0.0.1:${ports.get(name)}`)
  try {
    await run('ingress', ['ingress', '--create-topics'])
    await Promise.all([...stageNames.map((stage) => start(stage, 'first')), run('lag-exporter', ['lag-exporter'])])
  } catch (error) {
    await close()
    throw error
  }
  return {
    address: `http://127.0.0.1:${ports.get('ingress')}`,
    jobs: [
      { job: 'carillon-ingress', targets: targets(['ingress']) },
      { job: 'carillon-stages', targets: targets([...firsts, ...others]) },
      { job: 'carillon-lag', targets: targets(['lag-exporter']) },
    ],
    start,
    async end(stage, which, signal) {
      await running.get(nameOf(stage, which))?.end(signal)
      running.delete(nameOf(stage, which))
    },
    close,
  }
}

function nameOf(stage: StageName, which: string): string {
  return `${stage} ${which}`
}

/** Ports that nobody has now. */
async function freePorts(names: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const servers = names.map(() => createServer())
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject)
          server.listen(0, '127.0.0.1', () => {
            const address = server.address()
            resolve(typeof address === 'object' && address ? address.port : 0)
          })
        }),
    ),
  )
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return new Map(names.map((name, index) => [name, ports[index] ?? 0]))
}
