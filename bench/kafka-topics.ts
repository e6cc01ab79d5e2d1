/** Topics for one run. */
import { randomBytes } from 'node:crypto'
import type { KafkaConfig } from '../pipeline/config/kafka.js'
import { answerOf, loadKafka } from '../pipeline/logs/kafka/library.js'
import { ensureTopics } from '../pipeline/logs/kafka/topic-admin.js'
import { carillonTopics } from '../pipeline/logs/kafka/topics.js'

const deleteTimeoutMs = 10_000

/** Stands before the names of one run. */
export function randomPrefix(): string {
  return `bench-${randomBytes(4).toString('hex')}.`
}

/** Creates every topic, and deletes them when `run` is over. What Kafka keeps of the groups expires by itself. */
export async function onTopics<T>(kafka: KafkaConfig, run: () => Promise<T>): Promise<T> {
  const topics = carillonTopics(kafka)
  await ensureTopics(kafka.connection, topics, kafka.replicationFactor)
  try {
    return await run()
  } finally {
    await deleteTopics(
      kafka,
      topics.map(({ name }) => name),
    )
  }
}

async function deleteTopics({ connection }: KafkaConfig, names: readonly string[]): Promise<void> {
  const { AdminClient } = await loadKafka()
  const admin = AdminClient.create({ 'bootstrap.servers': connection.brokers })
  const deleted = (name: string) =>
    answerOf<undefined>((done) => admin.deleteTopic(name, deleteTimeoutMs, (error) => done(error, undefined)))
  try {
    // A topic that stays is in nobody's way.
    await Promise.all(names.map((name) => deleted(name).catch(() => undefined)))
  } finally {
    admin.disconnect()
  }
}
