/** A Kafka with Carillon's ways, one partition each, on which a test writes, settles and removes as it likes. */
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
import { type Way, waysOf } from '../../../schemas/topics.js'
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
  write(way: Way, timesMs: readonly number[]): Promise<void>
  /** Writes into a transaction that stays open, until what it resolves with is called. */
  writeOpen(way: Way, timesMs: readonly number[]): Promise<() => Promise<void>>
  /** Commits for the stage, which has no members. */
  settle(stage: WorkerName, way: Way, offset: number): Promise<void>
  /** As retention does: removes what lies before the offset. */
  remove(way: Way, offset: number): Promise<void>
  /** Of the one partition of a way. */
  lag(way: Way): Promise<PartitionLag | undefined>
  close(): Promise<void>
}

const timeoutMs = 10_000
const retentionMs = 3_600_000

export async function lagUnderTest(brokers: string): Promise<LagUnderTest> {
  const connection = { brokers }
  const prefix = `t${randomBytes(4).toString('hex')}.`
  const names = kafkaNames(prefix)
  const ways = workerNames.flatMap((stage) => waysOf(inputs[stage]))
  const readings = [{ group: 'route', ways: waysOf(inputs.route), stateful: false }]
  const settings = { partitions: 1, replicationFactor: 1, minInSyncReplicas: 1, deleteRetentionMs: 86_400_000 }
  const topics = wantedTopics(names, { ...settings, retentionMs, deadLettersRetentionMs: -1 }, ways, readings)
  await ensureTopics(connection, topics, 1)
  const stateFolder = mkdtempSync(join(tmpdir(), 'carillon-lag-'))
  const clients = kafkaClients(await loadKafka(), connection)
  const producer = await clients.producer({ 'transactional.id': `${prefix}lag`, 'transaction.timeout.ms': 60_000 })
  await called((done) => producer.initTransactions(timeoutMs, done))
  const log = await openKafkaLog({
    ...{ connection, prefix, partitions: 1, stateFolder, sessionTimeoutMs: 6000 },
    statelessGroups: ['route'],
  })
  const reader = kafkaLagReader({ connection, prefix, partitions: 1 }, () => opened.nowMs)

  const begin = async (way: Way, timesMs: readonly number[]): Promise<void> => {
    await called((done) => producer.beginTransaction(done))
    for (const time of timesMs) producer.produce(names.topic(way), 0, Buffer.from('value'), Buffer.from('key'), time)
    await flushed(producer)
  }
  const opened: LagUnderTest = {
    ...{ prefix, reader, log, nowMs: Date.now() },
    async write(way, timesMs) {
      await begin(way, timesMs)
      await called((done) => producer.commitTransaction(timeoutMs, done))
    },
    async writeOpen(way, timesMs) {
      await begin(way, timesMs)
      return () => called((done) => producer.abortTransaction(timeoutMs, done))
    },
    async settle(stage, way, offset) {
      const consumer = await clients.reader(names.group(stage))
      consumer.commitSync([{ topic: names.topic(way), partition: 0, offset }])
      await disconnect(consumer)
    },
    async remove(way, offset) {
      const admin = new Admin(adminOptions(connection))
      const partitions = [{ partition: 0, offset: BigInt(offset) }]
      await admin.deleteRecords({ topics: [{ name: names.topic(way), partitions }] })
      await admin.close()
    },
    async lag(way) {
      const { partitions } = await reader.read()
      return partitions.find((partition) => partition.way === way)
    },
    async close() {
      await reader.close()
      await log.close()
      await disconnect(producer)
      await dropTopics(
        brokers,
        topics.map(({ name }) => name),
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
