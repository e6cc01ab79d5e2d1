import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { asyncScheduler } from 'rxjs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EventName, EventOf } from '../../../schemas/avro.js'
import { recipientKey } from '../../../schemas/outgoing.js'
import { readReleased } from '../../../schemas/sources.js'
import { type StreamName, type Topic, topicName, topicsOf } from '../../../schemas/streams.js'
import { waitingOnKafka } from '../../../testing/logs/kafka/lag-under-test.js'
import { brokerAddress } from '../../../testing/logs/kafka/log-under-test.js'
import { type Upstream, upstreamAt } from '../../../testing/logs/kafka/upstream-under-test.js'
import { until } from '../../../testing/until.js'
import { createCodec } from '../../engine/codec.js'
import type { LogRecord } from '../../engine/log.js'
import { partitionOf } from '../../engine/murmur2.js'
import { seededRandom } from '../../engine/seeded-random.js'
import { runWorker, type Worker } from '../../engine/worker.js'
import { intake } from '../../run/intake.js'
import { answerOf, loadKafka } from './library.js'
import { type KafkaLog, openKafkaLog } from './log.js'
import { kafkaNames } from './names.js'
import { ensureTopics } from './topic-admin.js'
import { wantedTopics } from './topics.js'

/** The compiled test stands in dist/pipeline/logs/kafka. */
const root = join(import.meta.dirname, '..', '..', '..', '..')
const partitions = 3
const outputs = ['notifications.requested', 'notifications.status', 'dead-letters'] as const
const topics = ['notifications.inbound' as const, ...outputs].flatMap((topic): readonly Topic[] => topicsOf(topic))
const welcome = { id: 'welcome', version: 3, locale: 'en', locales: {}, defaults: {}, createdAt: '', updatedAt: '' }

const broker = await brokerAddress()
const found = broker.address === null ? { missing: broker.missing } : upstreamAt(root)
if (typeof found === 'function' && broker.address !== null) describeIntake(broker.address, found)
else if (process.env.CI === 'true')
  throw new Error(`The producer of docs/kafka.md cannot run: ${JSON.stringify(found)}`)
else test.skip(`intake on Kafka: ${'missing' in found ? found.missing : ''}`, () => undefined)

function describeIntake(address: string, upstream: Upstream): void {
  const prefix = `t${randomBytes(4).toString('hex')}.`
  const names = kafkaNames(prefix)
  const inbound = names.nameOf({ stream: 'notifications.inbound', lane: null, channel: null })
  const toInbound = [address, '--topic', inbound]
  const settings = { partitions, replicationFactor: 1, minInSyncReplicas: 1, deleteRetentionMs: 86_400_000 }
  const readings = [{ group: 'intake', topics: topicsOf('notifications.inbound') }]
  const wanted = wantedTopics(names, settings, topics, readings)
  const stateFolder = mkdtempSync(join(tmpdir(), 'carillon-state-'))
  const codec = createCodec()
  const seen = new Map<StreamName, LogRecord[]>()
  let log: KafkaLog
  let worker: Worker

  beforeAll(async () => {
    await ensureTopics({ brokers: address }, wanted, 1)
    log = await openKafkaLog({ connection: { brokers: address }, partitions, prefix, stateFolder })
    for (const topic of outputs.flatMap((topic): readonly Topic[] => topicsOf(topic))) {
      log.tail(topic).subscribe((record) => seen.set(topic.stream, [...(seen.get(topic.stream) ?? []), record]))
    }
    worker = start()
  })

  afterAll(async () => {
    await worker?.stop(10_000)
    await log?.close()
    const admin = (await loadKafka()).AdminClient.create({ 'bootstrap.servers': address })
    for (const { name } of wanted) {
      await answerOf<undefined>((done) => admin.deleteTopic(name, 5000, (error) => done(error, undefined))).catch(
        () => undefined,
      )
    }
    admin.disconnect()
    rmSync(stateFolder, { recursive: true, force: true })
  })

  function start(): Worker {
    const templates = { get: async (_: string, id: string) => (id === welcome.id ? welcome : undefined) }
    return runWorker({
      ...{
        stage: intake({
          templates,
          dedupeWindowMs: 10_800_000,
          retryBounds: { minWaitMs: 1000, maxGiveUpAfterMs: 604_800_000 },
        }),
        log,
        topics: topicsOf('notifications.inbound'),
      },
      ...{ codec, clock: asyncScheduler, random: seededRandom(1), mailbox: 64, batch: 16 },
    })
  }

  const events = <N extends EventName>(topic: StreamName, event: N): EventOf<N>['value'][] =>
    (seen.get(topic) ?? []).map((record) => codec.decode(record, [event]).value)
  const requested = () => events('notifications.requested', 'notification-requested')

  describe('the producer of docs/kafka.md, in Python', () => {
    test('is taken in from whatever partition, and put where each recipient belongs', async () => {
      const run = await upstream(toInbound, [
        { id: 'order-1', to: { id: 'ada', email: 'ada@example.com' }, template: 'welcome', data: { name: 'Ada 🛎' } },
        { eventId: 'order-2-shipped', to: { phone: '+4915112345678' }, content: { body: 'Hello' }, priority: 'high' },
        { to: { id: 'bo' }, content: { sms: { text: 'Hello' } }, priority: 'low', metadata: { shop: 1 } },
      ])
      await until(() => requested().length >= 3)
      expect(run).toEqual({ code: 0, out: expect.any(String), err: '' })
      const byRecipient = new Map(requested().map((value) => [value.recipient, value]))
      const [ada, phone, bo] = ['ada', '+4915112345678', 'bo'].map((recipient) => byRecipient.get(recipient))
      expect(run.out.trim().split('\n').sort()).toEqual(['-', 'order-1', phone?.id].sort())
      expect(ada).toMatchObject({
        ...{ id: 'order-1', template: { id: 'welcome', version: 3 }, data: '{"name":"Ada 🛎"}' },
        ...{ priority: 'normal', origin: 'kafka', correlationId: expect.stringMatching(/^shop-/) },
      })
      expect(phone).toMatchObject({ priority: 'high', content: { '*': { text: 'Hello' } } })
      expect(bo).toMatchObject({ priority: 'low', metadata: '{"shop":1}', id: expect.stringMatching(/-5...-/) })
      const places = seen.get('notifications.requested')?.map(({ topic, partition }) => [topicName(topic), partition])
      const wanted = [...byRecipient.values()].map(({ recipient, priority }) => [
        `notifications.requested.${priority}`,
        partitionOf(Buffer.from(recipientKey('default', recipient)), partitions),
      ])
      expect(places?.sort()).toEqual(wanted.sort())
    })

    test('has what is not valid recorded and put among the dead letters', async () => {
      const run = await upstream(toInbound, [{ id: 'bad-1', to: { id: 'ada' }, template: 'nope' }])
      await until(() => events('dead-letters', 'dead-letter').length > 0)
      await until(() => events('notifications.status', 'notification-status').length > 0)
      expect(run.code).toBe(0)
      const detail = 'template: There is no template with this id.'
      expect(events('dead-letters', 'dead-letter')).toMatchObject([
        { topic: 'notifications.inbound', stage: 'intake', cause: 'invalid-request', detail, notificationId: 'bad-1' },
      ])
      expect(events('notifications.status', 'notification-status')).toMatchObject([
        { notificationId: 'bad-1', status: 'rejected', trail: [{ reason: 'invalid-request', detail }] },
      ])
    })

    test('takes the schema and its id from a registry where there is one', async () => {
      const asked: string[] = []
      const released = readReleased().findLast(({ event }) => event === 'notification-inbound')
      const registry = createServer((request, response) => {
        asked.push(request.url ?? '')
        response.end(JSON.stringify({ id: released?.id, schema: released?.text }))
      })
      await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve))
      const { port } = registry.address() as AddressInfo
      const event = { id: 'registered', to: { id: 'ada' }, content: { body: 'Hello' } }
      const run = await upstream([...toInbound, '--registry', `http://127.0.0.1:${port}`], [event])
      registry.close()
      expect(run).toEqual({ code: 0, out: 'registered\n', err: '' })
      expect(asked).toEqual(['/subjects/carillon.NotificationInbound/versions/latest'])
      await until(() => requested().some(({ id }) => id === 'registered'))
    })

    test('has what is larger than a dead letter named there, and the partition goes on', async () => {
      const before = events('dead-letters', 'dead-letter').length
      const kafka = await loadKafka()
      const producer = new kafka.Producer({
        ...{ 'bootstrap.servers': address, 'compression.codec': 'lz4', 'message.max.bytes': 16_000_000 },
      })
      await answerOf<unknown>((done) => producer.connect({}, done))
      // Compressed it is small enough for the topic.
      producer.produce(inbound, 0, Buffer.alloc(6_000_000))
      await answerOf<unknown>((done) => producer.flush(30_000, (error) => done(error, null)))
      await answerOf<unknown>((done) => producer.disconnect(done))
      await until(() => events('dead-letters', 'dead-letter').length > before)
      expect(events('dead-letters', 'dead-letter').at(-1)).toMatchObject({
        ...{ topic: 'notifications.inbound', partition: 0, cause: 'unknown-schema', value: null },
        detail: expect.stringMatching(/Too large to be kept here: 6000000 bytes/),
      })
    })

    test('finds each of its events taken in once, though intake is ended again and again', async () => {
      const before = requested().length
      const ids = Array.from({ length: 300 }, (_, index) => `many-${index}`)
      const sent = upstream(
        toInbound,
        ids.map((id, index) => ({ id, to: { id: `user-${index % 20}` }, content: { body: 'Hello' } })),
      )
      for (const least of [1, 100]) {
        await until(() => requested().length >= before + least)
        // At once: what it holds is left for the next to read again.
        await worker.stop(0)
        worker = start()
      }
      expect(await sent).toMatchObject({ code: 0, err: '' })
      await until(() => requested().length >= before + ids.length)
      await worker.stop(10_000)
      const lag = await waitingOnKafka({
        address,
        prefix,
        partitions,
        group: 'intake',
        topics: topicsOf('notifications.inbound'),
      })
      expect(lag.reduce((sum, { records }) => sum + records, 0)).toBe(0)
      const taken = requested().slice(before)
      expect(taken.map(({ id }) => id).sort()).toEqual([...ids].sort())
    })
  })
}
