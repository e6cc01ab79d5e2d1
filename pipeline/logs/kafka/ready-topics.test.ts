import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { filter, firstValueFrom } from 'rxjs'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { topicsOf } from '../../../schemas/streams.js'
import { brokerAddress } from '../../../testing/logs/kafka/log-under-test.js'
import { loadConfig } from '../../config/config.js'
import type { KafkaConfig } from '../../config/kafka.js'
import { inputs } from '../../engine/topology.js'
import { answerOf, loadKafka } from './library.js'
import { openKafkaLog } from './log.js'
import { type ReadyTopicsOptions, readyTopics } from './ready-topics.js'
import { ensureTopics } from './topic-admin.js'
import { carillonTopics, statelessWorkers } from './topics.js'

const never = new AbortController().signal

function configOf(address: string): KafkaConfig {
  const { kafka } = loadConfig({ CARILLON_LOG: `kafka://${address}` })
  if (kafka) return { ...kafka, partitions: 2 }
  throw new Error('Kafka is configured')
}

test('a broker that does not answer is waited for, in so many words, until the signal', async () => {
  const stop = new AbortController()
  const said: string[] = []
  const say = (line: string): void => {
    said.push(line)
    stop.abort(new Error('stopped'))
  }
  const ready = readyTopics(configOf('127.0.0.1:1'), { create: true, say, signal: stop.signal })
  await expect(ready).rejects.toThrow('stopped')
  expect(said).toEqual(['Waiting for Kafka: No Kafka broker answers. Is CARILLON_LOG right, and Kafka up?'])
})

const broker = await brokerAddress()
if (broker.address === null) test.skip(`topics at the start on Kafka: ${broker.missing}`, () => undefined)
else describeOn(broker.address)

function describeOn(address: string): void {
  const made: KafkaConfig[] = []
  let kafka = configOf(address)
  let said: string[] = []
  const say = (line: string): void => {
    said.push(line)
  }
  const ready = (options: Partial<ReadyTopicsOptions> = {}, own: Partial<KafkaConfig> = {}) =>
    readyTopics({ ...kafka, ...own }, { create: false, say, signal: never, ...options })

  beforeEach(() => {
    said = []
    kafka = { ...configOf(address), prefix: `t${randomBytes(4).toString('hex')}.` }
    made.push(kafka)
  })

  afterAll(async () => {
    const { AdminClient } = await loadKafka()
    const admin = AdminClient.create({ 'bootstrap.servers': address })
    const names = made.flatMap((one) => carillonTopics(one).map(({ name }) => name))
    for (const name of names) {
      await answerOf<undefined>((done) => admin.deleteTopic(name, 5000, (error) => done(error, undefined))).catch(
        () => undefined,
      )
    }
    admin.disconnect()
  })

  describe('topics at the start', () => {
    test('that are missing are told once and waited for', async () => {
      const wanted = carillonTopics(kafka)
      let creating: Promise<unknown> | null = null
      const create = (line: string): void => {
        say(line)
        creating ??= ensureTopics(kafka.connection, wanted, null)
      }
      await ready({ say: create })
      await creating
      const [first, ...more] = said
      expect(first).toBe(
        `${wanted.length} topics are missing, like ${kafka.prefix}notifications.inbound: run carillon topics create, or start with --create-topics. Waiting for them.`,
      )
      // While they are made, other numbers are missing.
      expect(more.filter((line) => !/missing/.test(line))).toEqual([])
    })

    test('are created when asked for, and every worker finds what it needs', async () => {
      await ready({ create: true })
      expect(said).toEqual([`Created ${carillonTopics(kafka).length} topics`])
      await ready({ create: true })
      expect(said).toHaveLength(1)
      const stateFolder = mkdtempSync(join(tmpdir(), 'carillon-ready-'))
      const { connection, partitions, prefix } = kafka
      const log = await openKafkaLog({ connection, partitions, prefix, stateFolder, statelessGroups: statelessWorkers })
      for (const [group, input] of Object.entries(inputs)) {
        const member = await log.join({ group, topics: topicsOf(input) })
        const all = topicsOf(input).length * partitions
        const owned = await firstValueFrom(member.assignments.pipe(filter(({ length }) => length === all)))
        expect([group, owned.length]).toEqual([group, all])
        await member.leave()
      }
      await log.close()
      rmSync(stateFolder, { recursive: true })
    })

    test('with other partitions than are configured are refused', async () => {
      await ensureTopics(kafka.connection, carillonTopics(kafka), null)
      const start = `Carillon cannot run on these topics: ${kafka.prefix}notifications.inbound has partitions 2, not 3; `
      await expect(ready({}, { partitions: 3 })).rejects.toMatchObject({
        code: 'topics-unfit',
        message: expect.stringMatching(
          new RegExp(
            `^${start}.*\\d+ more\\. Set kafka.partitions to 2 if all topics have so many, or create these anew`,
          ),
        ),
      })
    })

    test('of which one differs are refused', async () => {
      const wanted = carillonTopics(kafka).map((topic) =>
        topic.name.endsWith('routed.low') ? { ...topic, partitions: 1 } : topic,
      )
      await ensureTopics(kafka.connection, wanted, null)
      await expect(ready()).rejects.toThrow(`${kafka.prefix}deliveries.routed.low has partitions 1, not 2.`)
    })

    test('that differ harmlessly are told and used', async () => {
      await ensureTopics(kafka.connection, carillonTopics({ ...kafka, deadLettersRetentionMs: 1000 }), null)
      await ready()
      expect(said).toEqual([
        `Topics differ from the configuration: ${kafka.prefix}dead-letters has retention.ms 1000, not 2592000000. See: carillon topics check`,
      ])
    })

    test('that the broker refuses to create are told with its reason', async () => {
      await expect(ready({ create: true }, { replicationFactor: 3 })).rejects.toMatchObject({
        code: 'topic-refused',
        message: expect.stringMatching(/could not be created: .*replication factor/i),
      })
    })
  })
}
