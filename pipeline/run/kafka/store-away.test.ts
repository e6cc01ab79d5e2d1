/** A Carillon on Kafka whose record store cannot be reached for a while. */
import { afterEach, beforeEach, expect, it, test } from 'vitest'
import type { NotificationRecord } from '../../../schemas/record.js'
import { brokerAddress } from '../../../testing/logs/kafka/log-under-test.js'
import type { ProcessUnderTest } from '../../../testing/process-under-test.js'
import { type CarillonUnderTest, carillonUnderTest } from '../../../testing/run/kafka/carillon-under-test.js'
import {
  describeOnMongo,
  dropDatabase,
  freshDatabase,
  urlBy,
} from '../../../testing/stores/mongodb/mongo-under-test.js'
import { type Topic, topicOf } from '../../../testing/stores/mongodb/way-under-test.js'
import { until } from '../../../testing/until.js'

const broker = await brokerAddress()
if (broker.address === null) test.skip(`Kafka with MongoDB away: ${broker.missing}`, () => undefined)
else describeStoreAway(broker.address)

function describeStoreAway(address: string): void {
  describeOnMongo('a Carillon on Kafka whose MongoDB is away', (server) => {
    const database = freshDatabase()
    let topic: Topic
    let carillon: CarillonUnderTest
    let running: ProcessUnderTest
    beforeEach(async () => {
      topic = await topicOf(server().address)
      const url = urlBy(server(), topic.address).replace('/?', `/${database}?`)
      carillon = await carillonUnderTest({ broker: address, environment: { CARILLON_STORE: url } })
      running = carillon.run(['start', '--create-topics'])
      await carillon.ready(running)
    })
    afterEach(async () => {
      await carillon.close()
      await topic.close()
      await dropDatabase(server().url, database)
    })

    const request = async (path: string, init: RequestInit = {}) => fetch(`${await running.address}${path}`, init)
    const post = (headers: Readonly<Record<string, string>> = {}) =>
      request('/v1/notifications', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ to: { id: 'anna', webhook: carillon.receiver }, content: { body: 'Hello.' } }),
      })
    const idIn = async (answer: Response) => ((await answer.json()) as { id: string }).id
    const ended = async (id: string) =>
      (await (await request(`/v1/notifications/${id}?wait=60s`)).json()) as NotificationRecord

    it('delivers what needs no store, says so where it does, and has all records when it is back', async () => {
      expect((await ended(await idIn(await post()))).status).toBe('delivered')
      await topic.refuse()
      const taken = [await post(), await post()]
      expect(taken.map(({ status }) => status)).toEqual([202, 202])
      const ids = await Promise.all(taken.map(idIn))
      await until(
        () => ids.every((id) => carillon.calls.has(`${id}.webhook`)),
        () => running.log(),
      )
      const [id] = ids
      const refused = [await post({ 'idempotency-key': 'k' }), await request(`/v1/notifications/${id}`)]
      expect(refused.map(({ status, headers }) => [status, headers.has('retry-after')])).toEqual([
        [503, true],
        [503, true],
      ])
      await topic.pass()
      const records = await Promise.all(ids.map(ended))
      expect(records.map(({ status }) => status)).toEqual(['delivered', 'delivered'])
      const keyed = await post({ 'idempotency-key': 'k' })
      expect(keyed.status).toBe(202)
      expect((await ended(await idIn(keyed))).status).toBe('delivered')
      expect([...carillon.calls.values()]).toEqual([1, 1, 1, 1])
    })
  })
}
