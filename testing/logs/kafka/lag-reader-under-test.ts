/** A Kafka with Carillon's ways, one partition each, on which a test writes, acks and removes as it likes. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Admin } from '@platformatic/kafka'
import type { LibrdKafkaError, Producer } from 'node-rdkafka'
import type { LagReader, PartitionLag } from '../../../pipeline/engine/lag-reading.js'
import { inputs, workerNames } from '../../../pipeline/engine/topology.js'
import { adminOptions } from '../../../pipeline/logs/kafka/admin-options.js'
import { disconnect, kafkaClients } from '../../../pipeline/logs/kafka/clients.js'
import { kafkaLagReader } from '../../../pipeline/logs/kafka/lag-reader.js'
import { answerOf, loadKafka } from '../../../pipeline/logs/kafka/library.js'
import { type KafkaLog, openKafkaLog } from '../../../pipeline/logs/kafka/log.js'
import { kafkaNames } from '../../../pipeline/logs/kafka/names.js'
import { ensureTopics } from '../../../pipeline/logs/kafka/topic-admin.js'
import { wantedTopics } from '../../../pipeline/logs/kafka/topics.js'
import { type Topic, topicsOf } from '../../../schemas/streams.js'
import type { WorkerName } from '../../../stages/stage.js'
import { dropTopics } from './topics-under-test.js'

export interface LagUnderTest {
  readonly prefix: string
  readonly reader: LagReader
  /** What `reader` takes for now. */
  nowMs: number
  /** A member of any stage that keeps no state may join. */
  readonly log: KafkaLog
  /** Writes records with these times, in a transaction of their own. */
  write(topic: Topic, timesMs: readonly number[]): Promise<void>
  /** Writes into a transaction that stays open, until what it resolves with is called. */
  writeOpen(topic: Topic, timesMs: readonly number[]): Promise<() => Promise<void>>
  /** Commits for the stage, which has no members. */
  ack(stage: WorkerName, topic: Topic, offset: number): Promise<void>
  /** As retention does: removes what lies before the offset. */
  remove(topic: Topic, offset: number): Promise<void>
  /** Of the one partition of a way. */
  lag(topic: Topic): Promise<PartitionLag | undefined>
  close(): Promise<void>
}

const timeoutMs = 10_000
const retentionMs = 3_600_000

export async function lagUnderTest(brokers: string): Promise<LagUnderTest> {
  const connection = { brokers }
  const prefix = `t${randomBytes(4).toString('hex')}.`
  const names = kafkaNames(prefix)
  const topics = workerNames.flatMap((stage) => topicsOf(inputs[stage]))
  const readings = [{ group: 'route', topics: topicsOf(inputs.route), stateful: false }]
  const settings = { partitions: 1, replicationFactor: 1, minInSyncReplicas: 1, deleteRetentionMs: 86_400_000 }
  const wanted = wantedTopics(names, { ...settings, retentionMs, deadLettersRetentionMs: -1 }, topics, readings)
  await ensureTopics(connection, wanted, 1)
  const stateFolder = mkdtempSync(join(tmpdir(), 'carillon-lag-'))
  const clients = kafkaClients(await loadKafka(), connection)
  const producer = await clients.producer({ 'transactional.id': `${prefix}lag`, 'transaction.timeout.ms': 60_000 })
  await called((done) => producer.initTransactions(timeoutMs, done))
  const log = await openKafkaLog({
    ...{ connection, prefix, partitions: 1, stateFolder, sessionTimeoutMs: 6000 },
    statelessGroups: ['route'],
  })
  const reader = kafkaLagReader({ connection, prefix, partitions: 1 }, () => opened.nowMs)

  const begin = async (topic: Topic, timesMs: readonly number[]): Promise<void> => {
    await called((done) => producer.beginTransaction(done))
    for (const time of timesMs) producer.produce(names.nameOf(topic), 0, Buffer.from('value'), Buffer.from('key'), time)
    await flushed(producer)
  }
  const opened: LagUnderTest = {
    ...{ prefix, reader, log, nowMs: Date.now() },
    async write(topic, timesMs) {
      await begin(topic, timesMs)
      await called((done) => producer.commitTransaction(timeoutMs, done))
    },
    async writeOpen(topic, timesMs) {
      await begin(topic, timesMs)
      return () => called((done) => producer.abortTransaction(timeoutMs, done))
    },
    async ack(stage, topic, offset) {
      const consumer = await clients.reader(names.group(stage))
      consumer.commitSync([{ topic: names.nameOf(topic), partition: 0, offset }])
      await disconnect(consumer)
    },
    async remove(topic, offset) {
      const admin = new Admin(adminOptions(connection))
      const partitions = [{ partition: 0, offset: BigInt(offset) }]
      await admin.deleteRecords({ topics: [{ name: names.nameOf(topic), partitions }] })
      await admin.close()
    },
    async lag(topic) {
      const { partitions } = await reader.read()
      return partitions.find((partition) => partition.topic === topic)
    },
    async close() {
      await reader.close()
      await log.close()
      await disconnect(producer)
      await dropTopics(
        brokers,
        wanted.map(({ name }) => name),
      )
      rmSync(stateFolder, { recursive: true, force: true })
    },
  }
  return opened
}

function called(call: (done: (error: LibrdKafkaError) => void) => unknown): Promise<void> {
  return answerOf<undefined>((done) => void call((error) => done(error, undefined)))
}

function flushed(producer: Producer): Promise<void> {
  return called((done) => producer.flush(timeoutMs, done))
}
