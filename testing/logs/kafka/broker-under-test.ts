/** A real Kafka broker for tests: one KRaft node on a free port of the loopback, its data in a temporary folder.
 *
 *  The jars are copied from Maven Central once, into .cache/kafka. A broker that stands ready may be named instead, by
 *  CARILLON_TEST_KAFKA=host:port; its topics must be free to create. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const kafkaVersion = '4.2.0'
const startTimeoutMs = 60_000
const stopTimeoutMs = 15_000
const copyTimeoutMs = 300_000
/** It lives for minutes: the optimizing compiler would take a core of its own for the first of them. */
const flags = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']

const scramMechanisms = ['SCRAM-SHA-256', 'SCRAM-SHA-512']

const dependencies = [
  ['org.apache.kafka', 'kafka_2.13', kafkaVersion],
  ['org.apache.kafka', 'kafka-tools', kafkaVersion],
  ['org.slf4j', 'slf4j-simple', '1.7.36'],
] as const

/** A broker that answers. */
export interface BrokerUnderTest {
  /** host:port */
  readonly address: string
  /** Ends it as a crash would, or with its goodbye, and starts it again on its data and port. */
  restart(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>
  /** Ends the process and removes its data. */
  stop(): Promise<void>
}

/** Why no broker can be started here; null where one can. */
export function missingForBroker(root: string): string | null {
  if (!runs('java', ['-version'])) return 'java (17 or newer) is not on the PATH'
  if (!existsSync(jarFolder(root)) && !runs('mvn', ['-version'])) return 'mvn is not on the PATH'
  return null
}

/** Who may use a broker. Neither holds a quote or a comma. */
export interface BrokerLogin {
  readonly user: string
  readonly password: string
}

/** Starts a broker. `root`: the project's folder. With a login it takes SASL PLAIN and SCRAM, and nothing else. */
export async function startBroker(root: string, login: BrokerLogin | null = null): Promise<BrokerUnderTest> {
  copyJars(root)
  const folder = mkdtempSync(join(tmpdir(), 'carillon-kafka-'))
  const [port, controllerPort] = await freePorts()
  const properties = join(folder, 'server.properties')
  writeFileSync(properties, propertiesOf(join(folder, 'data'), port, controllerPort, login))
  const classPath = join(jarFolder(root), '*')
  const tool = (...args: string[]) => spawnSync('java', ['-cp', classPath, 'kafka.tools.StorageTool', ...args])
  const id = tool('random-uuid').stdout.toString().trim()
  const users = scramMechanisms.flatMap((mechanism) =>
    login ? ['--add-scram', `${mechanism}=[name="${login.user}",password="${login.password}"]`] : [],
  )
  const formatted = tool('format', '-t', id, '-c', properties, ...users)
  if (formatted.status !== 0) throw new Error(`Kafka's storage could not be formatted: ${formatted.stderr}`)
  const run = () =>
    spawn('java', [...flags, '-cp', classPath, 'kafka.Kafka', properties], {
      stdio: 'ignore',
      cwd: folder,
    })
  let broker = run()
  const endWithUs = () => broker.kill('SIGKILL')
  process.once('exit', endWithUs)
  await answers(port, broker)
  return {
    address: `127.0.0.1:${port}`,
    async restart(signal) {
      await end(broker, signal)
      broker = run()
      await answers(port, broker)
    },
    async stop() {
      process.removeListener('exit', endWithUs)
      await end(broker, 'SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function jarFolder(root: string): string {
  return join(root, '.cache', 'kafka')
}

/** Copied beside and then renamed, so that a broken copy is not taken for a whole one. */
function copyJars(root: string): void {
  const folder = jarFolder(root)
  if (existsSync(folder)) return
  const beside = `${folder}.${process.pid}`
  mkdirSync(beside, { recursive: true })
  const list = dependencies.map(
    ([group, artifact, version]) =>
      `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`,
  )
  const project = join(beside, 'pom.xml')
  writeFileSync(
    project,
    `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>carillon</groupId>
     <artifactId>kafka</artifactId><version>1</version><dependencies>${list.join('')}</dependencies></project>`,
  )
  const args = ['-q', '-B', '-f', project, 'dependency:copy-dependencies', `-DoutputDirectory=${beside}`]
  const { status, stdout } = spawnSync('mvn', args, { timeout: copyTimeoutMs })
  if (status !== 0) {
    rmSync(beside, { recursive: true, force: true })
    throw new Error(`Kafka could not be copied from Maven Central: ${stdout}`)
  }
  mkdirSync(dirname(folder), { recursive: true })
  renameSync(beside, folder)
}

function propertiesOf(data: string, port: number, controllerPort: number, login: BrokerLogin | null): string {
  const protocol = login ? 'SASL_PLAINTEXT' : 'PLAINTEXT'
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `${protocol}://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `${protocol}://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': `${protocol}:${protocol},CONTROLLER:PLAINTEXT`,
    'inter.broker.listener.name': protocol,
    ...(login && loginSettings(login)),
    'log.dirs': data,
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    // A member that crashes is missed soon.
    'group.min.session.timeout.ms': '500',
    'auto.create.topics.enable': 'false',
    // Each topic that is made or removed would wait for others for 25 ms.
    'controller.quorum.append.linger.ms': '0',
    // Each partition maps its index files whole.
    'log.index.size.max.bytes': '65536',
    'log.cleaner.dedupe.buffer.size': '8388608',
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

function loginSettings({ user, password }: BrokerLogin): Record<string, string> {
  const modules = 'org.apache.kafka.common.security'
  const jaas = (mechanism: string) => `listener.name.sasl_plaintext.${mechanism.toLowerCase()}.sasl.jaas.config`
  const own = `username="${user}" password="${password}"`
  return {
    'sasl.enabled.mechanisms': ['PLAIN', ...scramMechanisms].join(','),
    'sasl.mechanism.inter.broker.protocol': 'PLAIN',
    [jaas('PLAIN')]: `${modules}.plain.PlainLoginModule required ${own} user_${user}="${password}";`,
    ...Object.fromEntries(
      scramMechanisms.map((mechanism) => [jaas(mechanism), `${modules}.scram.ScramLoginModule required;`]),
    ),
  }
}

async function answers(port: number, broker: ChildProcess): Promise<void> {
  const deadline = Date.now() + startTimeoutMs
  while (Date.now() < deadline) {
    if (broker.exitCode !== null) throw new Error(`The Kafka broker ended at once, with code ${broker.exitCode}`)
    if (await accepts(port)) return
    await sleep(100)
  }
  throw new Error(`The Kafka broker did not answer within ${startTimeoutMs} ms`)
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

async function end(broker: ChildProcess, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  if (broker.exitCode !== null || broker.signalCode !== null) return
  const ended = new Promise<void>((resolve) => broker.once('exit', () => resolve()))
  broker.kill(signal)
  const late = setTimeout(() => broker.kill('SIGKILL'), stopTimeoutMs)
  await ended
  clearTimeout(late)
}

async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()] as const
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
  return [ports[0] ?? 0, ports[1] ?? 0]
}

function runs(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}
