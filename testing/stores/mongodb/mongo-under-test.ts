/** A peer that speaks MongoDB's protocol for tests: mongo-java-server on a free port of the loopback, its data in memory.
 *
 *  Its jars are copied from Maven Central once, into .cache/mongo. A real MongoDB may be named instead, by
 *  CARILLON_TEST_MONGO=mongodb://…; each store under test has a database of its own there, and drops it. */
import { spawn, spawnSync } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { openMongo } from '../../../pipeline/stores/mongodb/connection.js'
import { recordCollection } from '../../../pipeline/stores/mongodb/record-document.js'

const peerVersion = '1.47.0'
const copyTimeoutMs = 300_000
const startTimeoutMs = 30_000

/** The project's folder: this file is compiled into dist/testing/stores/mongodb. */
const root = join(import.meta.dirname, '..', '..', '..', '..')
const launcher = join(root, 'testing', 'stores', 'mongodb', 'MongoPeer.java')
const cache = join(root, '.cache', 'mongo')
const jars = join(cache, peerVersion)

/** A block of tests with a server. Without one they are skipped, saying why; in CI they fail. */
export function describeOnMongo(name: string, tests: (server: () => MongoUnderTest) => void): void {
  const missing = missingForMongo()
  describe(name, () => {
    if (missing !== null) {
      it.skipIf(process.env.CI !== 'true')(`needs a server: ${missing}`, () => {
        throw new Error(`What rests on MongoDB cannot be tested here: ${missing}.`)
      })
      return
    }
    let server: MongoUnderTest | undefined
    beforeAll(async () => {
      server = await startMongo()
    })
    afterAll(() => server?.stop())
    tests(() => {
      if (!server) throw new Error('The server is there during a test only.')
      return server
    })
  })
}

/** A server that answers. */
export interface MongoUnderTest {
  readonly url: string
  /** host:port */
  readonly address: string
  /** Ends what was started. */
  stop(): Promise<void>
}

/** Why there is no server for tests here; null where there is one. */
export function missingForMongo(): string | null {
  if (process.env.CARILLON_TEST_MONGO) return null
  for (const command of ['java', 'javac']) {
    if (!runs(command, ['-version'])) return `${command} (a JDK, 17 or newer) is not on the PATH`
  }
  return existsSync(jars) || runs('mvn', ['-version']) ? null : 'mvn is not on the PATH'
}

/** Gives the server named by the environment, else starts the peer. */
export async function startMongo(): Promise<MongoUnderTest> {
  const given = process.env.CARILLON_TEST_MONGO
  if (given) return { url: given, address: /\/\/(?:[^@/]*@)?([^/,?]+)/.exec(given)?.[1] ?? '', stop: async () => {} }
  copyJars()
  const classPath = [join(jars, '*'), compileLauncher()].join(process.platform === 'win32' ? ';' : ':')
  const args = ['-Xmx384m', '-XX:+UseSerialGC', '-cp', classPath, 'MongoPeer']
  // It ends with its standard input, so also when this process is killed.
  const peer = spawn('java', args, { stdio: ['pipe', 'pipe', 'ignore'] })
  const ended = new Promise<void>((resolve) => peer.once('exit', () => resolve()))
  const late = setTimeout(() => peer.kill('SIGKILL'), startTimeoutMs)
  const port = await firstLine(peer.stdout)
  clearTimeout(late)
  if (port === undefined) throw new Error('The MongoDB peer ended, or said nothing, before it told its port.')
  const address = `127.0.0.1:${port}`
  return {
    url: `mongodb://${address}/?retryWrites=false`,
    address,
    async stop() {
      peer.kill('SIGKILL')
      await ended
    },
  }
}

/** A server's URL by another address. Writes are not retried: the peer cannot, and a test wants to see them fail. */
export function urlBy({ url, address }: MongoUnderTest, other: string): string {
  const [base = '', options = ''] = url.replace(address, other).split('?')
  const kept = options.split('&').filter((option) => !/^(?:retryWrites|replicaSet|directConnection)=/i.test(option))
  return `${base}?${[...kept.filter(Boolean), 'retryWrites=false', 'directConnection=true'].join('&')}`
}

/** A name that no database has. */
export function freshDatabase(): string {
  return `carillon-test-${randomUUID()}`
}

/** Spares the peer a scan for each write: it uses an index only where that is unique and a filter names all its fields
 *  and no other. MongoDB needs it not. */
export async function quicken(url: string, database: string): Promise<void> {
  const mongo = openMongo({ url, database })
  await mongo.collection(recordCollection).createIndex({ _id: 1, write: 1 }, { name: 'peer', unique: true })
  await mongo.close()
}

export async function dropDatabase(url: string, database: string): Promise<void> {
  const mongo = openMongo({ url, database })
  await mongo.db.dropDatabase()
  await mongo.close()
}

async function firstLine(stream: NodeJS.ReadableStream): Promise<string | undefined> {
  for await (const line of createInterface({ input: stream })) return line
  return undefined
}

/** Copied beside and then renamed, so that a broken copy is not taken for a whole one. */
function copyJars(): void {
  if (existsSync(jars)) return
  const beside = `${jars}.${process.pid}`
  mkdirSync(beside, { recursive: true })
  const project = join(beside, 'pom.xml')
  writeFileSync(
    project,
    `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>carillon</groupId>
     <artifactId>mongo</artifactId><version>1</version><dependencies><dependency><groupId>de.bwaldvogel</groupId>
     <artifactId>mongo-java-server-memory-backend</artifactId><version>${peerVersion}</version></dependency>
     </dependencies></project>`,
  )
  const args = ['-q', '-B', '-f', project, 'dependency:copy-dependencies', `-DoutputDirectory=${beside}`]
  const { status, stdout } = spawnSync('mvn', args, { timeout: copyTimeoutMs })
  if (status !== 0) {
    rmSync(beside, { recursive: true, force: true })
    throw new Error(`The MongoDB peer could not be copied from Maven Central: ${stdout}`)
  }
  moveOrDrop(beside, jars)
}

/** The folder of the compiled launcher, by its source. */
function compileLauncher(): string {
  const hash = createHash('sha256').update(readFileSync(launcher)).digest('hex').slice(0, 12)
  const folder = join(cache, `launcher-${hash}`)
  if (existsSync(folder)) return folder
  const beside = `${folder}.${process.pid}`
  const { status, stderr } = spawnSync('javac', ['-cp', join(jars, '*'), '-d', beside, launcher])
  if (status !== 0) throw new Error(`The launcher of the MongoDB peer could not be compiled: ${stderr}`)
  moveOrDrop(beside, folder)
  return folder
}

/** Another test may have been first. */
function moveOrDrop(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    rmSync(from, { recursive: true, force: true })
    if (!existsSync(to)) throw error
  }
}

function runs(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}
