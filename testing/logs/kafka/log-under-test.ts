/** The Kafka log as the conformance suites want it: on a real broker, with topics of its own for each test. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { IAdminClient, Metadata } from 'node-rdkafka'
import { asyncScheduler } from 'rxjs'
import { inject } from 'vitest'
import { type Clients, disconnect, kafkaClients } from '../../../pipeline/logs/kafka/clients.js'
import { answerOf, loadKafka } from '../../../pipeline/logs/kafka/library.js'
import { type KafkaLog, openKafkaLog } from '../../../pipeline/logs/kafka/log.js'
import type { KafkaLogOptions } from '../../../pipeline/logs/kafka/log-options.js'
import type { KafkaMember } from '../../../pipeline/logs/kafka/member.js'
import { kafkaNames } from '../../../pipeline/logs/kafka/names.js'
import { type WantedTopic, wantedTopics } from '../../../pipeline/logs/kafka/topics.js'
import { type Topic, topicsOf } from '../../../schemas/streams.js'
import type { LogUnderTest, OpenOptions } from '../../engine/log-under-test.js'
import { waitingOnKafka } from './lag-under-test.js'

/** After which a wait has failed. */
const patienceMs = 120_000
/** Between two questions of `until`. */
const stepMs = 5
const createTimeoutMs = 10_000
/** A broker that was not started by the tests takes no less than six seconds. */
const sessionTimeoutMs = process.env.CARILLON_TEST_KAFKA === undefined ? 3000 : 6000

const topics: readonly Topic[] = [
  ...topicsOf('notifications.requested'),
  ...topicsOf('notifications.accepted'),
  ...topicsOf('notifications.status'),
  ...topicsOf('dead-letters'),
]
const readings = [
  { group: 'dedupe', topics: topicsOf('notifications.requested') },
  { group: 'enrich-template', topics: topicsOf('notifications.requested') },
  { group: 'record', topics: topicsOf('notifications.status') },
]

/** The broker's address; null, and why, where tests must do without. Throws then in continuous integration. */
export async function brokerAddress(): Promise<{ address: string } | { address: null; missing: string }> {
  const answer = await new Promise<string>((resolve, reject) => {
    let text = ''
    const socket = connect(inject('kafkaBrokerPort'), '127.0.0.1')
    socket.on('data', (data) => {
      text += data.toString()
    })
    socket.once('end', () => resolve(text))
    socket.once('error', reject)
  })
  const [kind, ...rest] = answer.split(' ')
  if (kind === 'fail') throw new Error(`The tests on Kafka cannot run: ${rest.join(' ')}`)
  if (kind !== 'at') return { address: null, missing: rest.join(' ') }
  return { address: rest.join(' ') }
}

/** A Kafka log, with what a test may change of it. */
export interface KafkaLogUnderTest extends LogUnderTest {
  readonly log: KafkaLog
  readonly options: KafkaLogOptions
}

/** Opens logs on a broker, each with empty topics. */
export function kafkaLogsAt(address: string) {
  return async ({ partitions, revokeTimeoutMs }: OpenOptions): Promise<KafkaLogUnderTest> => {
    const kafka = await loadKafka()
    const prefix = `t${randomBytes(4).toString('hex')}.`
    const names = kafkaNames(prefix)
    const folder = mkdtempSync(join(tmpdir(), 'carillon-state-'))
    const connection = { brokers: address }
    const admin = kafka.AdminClient.create({ 'bootstrap.servers': address })
    const settings = { partitions, replicationFactor: 1, minInSyncReplicas: 1, deleteRetentionMs: 86_400_000 }
    const wanted = wantedTopics(names, settings, topics, readings)
    await createTopics(admin, kafkaClients(kafka, connection), wanted)
    let failing = false
    const options: KafkaLogOptions = {
      ...{ connection, partitions, prefix, revokeTimeoutMs, sessionTimeoutMs, stateFolder: folder },
      beforeCommit: () => {
        if (failing) throw new Error('as the test wants it')
      },
    }
    let log = await openKafkaLog(options)

    const during = async <T>(work: Promise<T>): Promise<T> => {
      const timeout = new AbortController()
      const late = sleep(patienceMs, undefined, { signal: timeout.signal }).then(() => {
        throw new Error(`What was waited for did not come within ${patienceMs} ms`)
      })
      try {
        return await Promise.race([work, late])
      } finally {
        timeout.abort()
        late.catch(() => undefined)
      }
    }

    return {
      get log() {
        return log
      },
      options,
      clock: asyncScheduler,
      during,
      until: async (holds) => {
        const deadline = Date.now() + patienceMs
        while (Date.now() < deadline) {
          if (await during(Promise.resolve(holds()))) return
          await sleep(stepMs)
        }
        throw new Error(`What was waited for did not come within ${patienceMs} ms: ${holds}`)
      },
      lag: (group, own) => waitingOnKafka({ address, prefix, partitions, group, topics: own }),
      failCommits: (fail) => {
        failing = fail
      },
      reopen: async () => {
        await log.close()
        log = await openKafkaLog(options)
      },
      crash: async (member) => {
        await (member as KafkaMember).crash()
      },
      close: async () => {
        await log.close()
        await Promise.all(
          wanted.map(({ name }) =>
            answerOf<undefined>((done) => admin.deleteTopic(name, 5000, (error) => done(error, undefined))).catch(
              () => undefined,
            ),
          ),
        )
        admin.disconnect()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  }
}

/** Quicker than the product's way, which compares every setting. */
async function createTopics(admin: IAdminClient, clients: Clients, topics: readonly WantedTopic[]): Promise<void> {
  await Promise.all(
    topics.map(({ name, partitions, config }) => {
      const topic = { topic: name, num_partitions: partitions, replication_factor: 1, config: { ...config } }
      return answerOf<undefined>((done) => admin.createTopic(topic, createTimeoutMs, (error) => done(error, undefined)))
    }),
  )
  const client = await clients.reader('carillon-tests')
  const deadline = Date.now() + createTimeoutMs
  while (Date.now() < deadline) {
    const metadata = await answerOf<Metadata>((done) =>
      client.getMetadata({ timeout: createTimeoutMs, allTopics: true } as object, done),
    )
    const led = new Set(
      metadata.topics.filter(({ partitions }) => partitions.every(({ leader }) => leader >= 0)).map(({ name }) => name),
    )
    if (topics.every(({ name }) => led.has(name))) break
    await sleep(stepMs)
  }
  await disconnect(client)
}
