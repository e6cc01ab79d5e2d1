/** Dead letters on a real broker: a replay is one transaction with its command, so no kill doubles or loses it. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DeadLetter, ReplayDecision } from '../../../schemas/events.js'
import { deadLetter, requested } from '../../../schemas/outgoing.js'
import { type Topic, topicName, topicOf, topicsOf } from '../../../schemas/streams.js'
import type { KeptLetter, LetterStore } from '../../../stages/dead-letters/dead-letters.js'
import { notification } from '../../../testing/engine/worker-under-test.js'
import { waitingOnKafka } from '../../../testing/logs/kafka/lag-under-test.js'
import { brokerAddress } from '../../../testing/logs/kafka/log-under-test.js'
import { until } from '../../../testing/until.js'
import { createCodec } from '../../engine/codec.js'
import type { Log } from '../../engine/log.js'
import type { Worker } from '../../engine/worker.js'
import { createMetrics } from '../../observe/metrics/metrics.js'
import { replayRecords, runDeadLetters } from '../../run/dead-letters.js'
import { answerOf, loadKafka } from './library.js'
import { type KafkaLog, openKafkaLog } from './log.js'
import type { KafkaMember } from './member.js'
import { kafkaNames } from './names.js'
import { ensureTopics } from './topic-admin.js'
import { wantedTopics } from './topics.js'

const partitions = 2
const codec = createCodec()
const requestedTopic = topicOf('notifications.requested', 'normal', null)
const topics: readonly Topic[] = [requestedTopic, ...topicsOf('notifications.status'), ...topicsOf('dead-letters')]

const broker = await brokerAddress()
if (broker.address === null) test.skip(`dead letters on Kafka: ${broker.missing}`, () => undefined)
else describeDeadLetters(broker.address)

function describeDeadLetters(address: string): void {
  const prefix = `t${randomBytes(4).toString('hex')}.`
  const settings = { partitions, replicationFactor: 1, minInSyncReplicas: 1, deleteRetentionMs: 86_400_000 }
  const readings = [{ group: 'dead-letters', topics: topicsOf('dead-letters') }]
  const wanted = wantedTopics(kafkaNames(prefix), settings, topics, readings)
  const stateFolder = mkdtempSync(join(tmpdir(), 'carillon-state-'))
  const replayed: string[] = []
  let log: KafkaLog

  beforeAll(async () => {
    await ensureTopics({ brokers: address }, wanted, 1)
    const connection = { brokers: address }
    log = await openKafkaLog({ connection, partitions, prefix, stateFolder, sessionTimeoutMs: 6000 })
    log.tail(requestedTopic).subscribe((record) => {
      const { id, nonce, replays } = codec.decode(record, ['notification-requested']).value as Requested
      replayed.push(`${id} ${nonce} ${replays}`)
    })
  })

  afterAll(async () => {
    await log?.close()
    const admin = (await loadKafka()).AdminClient.create({ 'bootstrap.servers': address })
    for (const { name } of wanted) {
      const deleted = answerOf<undefined>((done) => admin.deleteTopic(name, 5000, (error) => done(error, undefined)))
      await deleted.catch(() => undefined)
    }
    admin.disconnect()
    rmSync(stateFolder, { recursive: true, force: true })
  })

  test('each letter is replayed once, whenever its keeper dies and however often it is asked', async () => {
    const store = memoryStore()
    const letters = Array.from({ length: 24 }, (_, index) => letterOf(`l-${index}`, `n-${index % 5}`))
    const commands = letters.map(({ id, notificationId }) => {
      return { letterId: id, notificationId, tenant: 'default', correlationId: '', requestedAtMs: 1_900_000_000_000 }
    })
    await log.append(letters.map((letter) => codec.encode(deadLetter(letter), letter.atMs)))
    // Dies before a commit, and between a commit and the mark that follows it.
    for (const [index, moment] of (['before', 'after'] as const).entries()) {
      const died = keeperThatDies(moment)
      await log.append(replayRecords(codec, commands.slice(index * 8, index * 8 + 12)))
      await died
    }
    const last = keeper(log)
    await log.append(replayRecords(codec, commands))
    await until(() => store.statuses().filter((status) => status === 'replayed').length === letters.length)
    const letterWays = { group: 'dead-letters', topics: topicsOf('dead-letters') }
    await until(async () =>
      (await waitingOnKafka({ address, prefix, partitions, ...letterWays })).every(({ records }) => records === 0),
    )
    await last.stop(10_000)
    await until(() => replayed.length >= letters.length)
    expect([...replayed].sort()).toEqual(letters.map(({ id, notificationId }) => `${notificationId} ${id} 1`).sort())

    function keeper(on: Log): Worker {
      const metrics = createMetrics()
      return runDeadLetters({ log: on, codec, metrics, tracing: null, crashed: () => undefined }, store).worker
    }

    /** Its process is gone at its first commit of a replay. */
    function keeperThatDies(moment: 'before' | 'after'): Promise<void> {
      let die: () => void = () => undefined
      const died = new Promise<void>((resolve) => {
        die = resolve
      })
      const mortal: Log = {
        ...log,
        async join(options) {
          const member: KafkaMember = await log.join(options)
          return {
            ...member,
            async commit(transaction) {
              const isReplay = transaction.outputs.some(({ topic }) => topic === requestedTopic)
              if (!isReplay) return member.commit(transaction)
              if (moment === 'after') await member.commit(transaction)
              await member.crash()
              die()
              return new Promise(() => undefined)
            },
          }
        },
      }
      keeper(mortal)
      return died
    }
  })
}

interface Requested {
  readonly id: string
  readonly nonce: string
  readonly replays: number
}

/** It outlives the keepers, as a store does. */
function memoryStore(): LetterStore & { statuses(): readonly string[] } {
  const kept = new Map<string, { letter: DeadLetter; record: { status: 'dead' | ReplayDecision } }>()
  return {
    async putAll(letters) {
      for (const letter of letters)
        if (!kept.has(letter.id)) kept.set(letter.id, { letter, record: { status: 'dead' } })
    },
    get: async (id): Promise<KeptLetter | undefined> => kept.get(id),
    async mark(id, status) {
      const found = kept.get(id)
      if (found?.record.status === 'dead') found.record = { status }
    },
    statuses: () => [...kept.values()].map(({ record }) => record.status),
  }
}

/** Of a request that dedupe gave up. */
function letterOf(id: string, notificationId: string): DeadLetter {
  const { topic, key, value, headers } = codec.encode(requested(notification(notificationId)), 5)
  return {
    ...{
      id,
      tenant: 'default',
      atMs: 1_900_000_000_000,
      stage: 'dedupe',
      topic: topicName(topic),
      partition: 0,
      offset: 0,
    },
    ...{ cause: 'stage-crash', detail: '', notificationId, key, value, headers, replays: 0 },
  }
}
