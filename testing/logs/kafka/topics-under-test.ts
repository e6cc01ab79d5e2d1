/** Removes what a test has created on a broker. */
import { answerOf, loadKafka } from '../../../pipeline/logs/kafka/library.js'

const timeoutMs = 5000

/** Those that are gone already do no harm. */
export async function dropTopics(address: string, names: readonly string[]): Promise<void> {
  const { AdminClient } = await loadKafka()
  const admin = AdminClient.create({ 'bootstrap.servers': address })
  const drop = (name: string) =>
    answerOf<undefined>((done) => admin.deleteTopic(name, timeoutMs, (error) => done(error, undefined)))
  await Promise.allSettled(names.map(drop))
  admin.disconnect()
}
