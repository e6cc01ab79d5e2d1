import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Admin } from '@platformatic/kafka'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { Unavailable } from '../../../schemas/errors.js'
import { type BrokerUnderTest, missingForBroker, startBroker } from '../../../testing/logs/kafka/broker-under-test.js'
import { openKafkaAdmin, withKafkaAdmin } from './admin.js'
import { adminOptions } from './admin-options.js'
import type { KafkaConnection } from './library.js'

vi.setConfig({ testTimeout: 60_000 })

/** The compiled test stands in dist/pipeline/logs/kafka. */
const root = join(import.meta.dirname, '..', '..', '..', '..')
const login = { user: 'carillon', password: 'hunter=2' }

describe.skipIf(missingForBroker(root) !== null)('a broker that wants a login', () => {
  let broker: BrokerUnderTest
  beforeAll(async () => {
    broker = await startBroker(root, login)
  }, 400_000)
  afterAll(() => broker.stop())

  function as(mechanism: string, password = login.password): KafkaConnection {
    const security = { 'security.protocol': 'sasl_plaintext', 'sasl.mechanisms': mechanism }
    return {
      brokers: broker.address,
      settings: { ...security, 'sasl.username': login.user, 'sasl.password': password },
    }
  }

  test.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])(
    'answers whom it knows by %s, and no one else',
    async (mechanism) => {
      const askedAs = (password?: string) =>
        withKafkaAdmin(as(mechanism, password), (admin) => admin.topicSettings(['absent'], ['retention.ms']))
      const refused = new Unavailable('The Kafka broker refused the user name or password')
      expect(await askedAs()).toEqual(new Map())
      await expect(askedAs('another')).rejects.toEqual(refused)
    },
  )

  test('tells the settings of the topics that are there, whatever else is asked for', async () => {
    const client = new Admin(adminOptions(as('SCRAM-SHA-512')))
    const configs = [{ name: 'retention.ms', value: '12345' }]
    await client.createTopics({ topics: ['settled'], partitions: 1, replicas: 1, configs })
    await client.close()
    const admin = await openKafkaAdmin(as('PLAIN'))
    const told = await vi.waitUntil(
      async () => {
        const settings = await admin.topicSettings(['absent', 'settled'], ['retention.ms', 'cleanup.policy'])
        return settings.size > 0 && settings
      },
      { timeout: 30_000 },
    )
    const settled = new Map(Object.entries({ 'retention.ms': '12345', 'cleanup.policy': 'delete' }))
    expect(told).toEqual(new Map([['settled', settled]]))
    // A broker that was just started knows no coordinator yet.
    const nobody = new Map([['nobody', [{ topic: 'settled', partition: 0 }]]])
    const committed = await vi.waitUntil(() => admin.committed(nobody).catch(() => null), { timeout: 30_000 })
    expect([committed, await admin.memberClients(['nobody'])]).toEqual([
      new Map([['nobody', new Map()]]),
      new Map([['nobody', []]]),
    ])
    await admin.close()
  })
})

test('a mechanism that the client lacks is refused before anything is sent', async () => {
  const settings = { 'security.protocol': 'sasl_ssl', 'sasl.mechanisms': 'GSSAPI' }
  await expect(openKafkaAdmin({ brokers: 'kafka:9092', settings })).rejects.toEqual(
    new Unavailable('Kafka cannot be asked about topics and groups with GSSAPI'),
  )
})

test('addresses and certificates come to the client as they are configured', () => {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-admin-'))
  const ca = join(folder, 'ca.pem')
  writeFileSync(ca, 'authority')
  const settings = { 'security.protocol': 'ssl', 'ssl.ca.location': ca }
  const options = (brokers: string) => adminOptions({ brokers, settings })
  expect(options('a.example, b.example:9093')).toMatchObject({
    bootstrapBrokers: [
      { host: 'a.example', port: 9092 },
      { host: 'b.example', port: 9093 },
    ],
    tls: { ca: Buffer.from('authority') },
    tlsServerName: true,
  })
  const bare = options('[::1]:9094,127.0.0.1')
  expect(bare.bootstrapBrokers).toEqual([
    { host: '::1', port: 9094 },
    { host: '127.0.0.1', port: 9092 },
  ])
  expect([bare.tlsServerName, options('[::1]').tlsServerName, adminOptions({ brokers: 'a' }).tls]).toEqual([
    false,
    false,
    undefined,
  ])
  rmSync(folder, { recursive: true })
})
