import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { loadConfig } from './config.js'
import { ConfigProblems } from './problems.js'

const folder = mkdtempSync(join(tmpdir(), 'carillon-kafka-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

const pem = join(folder, 'some.pem')
writeFileSync(pem, 'hunter2')

function environment(text: string, more: Record<string, string> = {}): Record<string, string> {
  const file = join(folder, 'carillon.yaml')
  writeFileSync(file, text)
  return { CARILLON_LOG: 'kafka://a:9092,b:9093', CARILLON_CONFIG: file, ...more }
}

function problemsOf(text: string, more: Record<string, string> = {}): readonly string[] {
  try {
    loadConfig(environment(text, more))
  } catch (error) {
    if (error instanceof ConfigProblems) return error.problems
    throw error
  }
  return []
}

const plain = {
  connection: { brokers: 'a:9092,b:9093', settings: {} },
  prefix: '',
  partitions: 8,
  replicationFactor: null,
  minInSyncReplicas: null,
  retentionMs: 604_800_000,
  deadLettersRetentionMs: 2_592_000_000,
  deleteRetentionMs: 86_400_000,
  sessionTimeoutMs: null,
  createTopics: false,
}

describe('what Kafka runs with', () => {
  test('is complete when nothing but the log is set', () => {
    expect(loadConfig({ CARILLON_LOG: 'kafka://a:9092,b:9093', CARILLON_SLOT: '3' })).toMatchObject({
      ...{ log: { kind: 'kafka', brokers: ['a:9092', 'b:9093'] }, store: { kind: 'sqlite' }, slot: 3, kafka: plain },
    })
  })

  test('is not there without a log on Kafka, whatever the file says', () => {
    expect(loadConfig(environment('kafka: { partitions: 4 }', { CARILLON_LOG: 'sqlite:' })).kafka).toBeNull()
  })

  test('holds what the file says', () => {
    const { kafka } = loadConfig(
      environment(
        `kafka:
          partitions: 12
          replicationFactor: 3
          minInSyncReplicas: 2
          retentionHours: 24
          deadLettersRetentionHours: 48
          deleteRetentionHours: 2
          prefix: staging.
          sessionTimeoutMs: 6000
          createTopics: true
          sasl: { mechanism: SCRAM-SHA-512, username: carillon, passwordEnv: CARILLON_KAFKA_PASSWORD }
          tls: { caFile: ${pem}, certFile: ${pem}, keyFile: ${pem} }
          settings: { socket.timeout.ms: 30000, client.rack: b, api.version.request: true }`,
        { CARILLON_KAFKA_PASSWORD: 'hunter2' },
      ),
    )
    expect(kafka).toEqual({
      connection: {
        brokers: 'a:9092,b:9093',
        settings: {
          ...{ 'socket.timeout.ms': 30_000, 'client.rack': 'b', 'api.version.request': true },
          'security.protocol': 'sasl_ssl',
          ...{ 'sasl.mechanisms': 'SCRAM-SHA-512', 'sasl.username': 'carillon', 'sasl.password': 'hunter2' },
          ...{ 'ssl.ca.location': pem, 'ssl.certificate.location': pem, 'ssl.key.location': pem },
        },
      },
      ...{ prefix: 'staging.', partitions: 12, replicationFactor: 3, minInSyncReplicas: 2, createTopics: true },
      ...{ retentionMs: 86_400_000, deadLettersRetentionMs: 172_800_000, deleteRetentionMs: 7_200_000 },
      sessionTimeoutMs: 6000,
    })
  })

  test.each([
    ['tls: {}', 'ssl'],
    ['sasl: { mechanism: PLAIN, username: u, passwordEnv: SECRET }', 'sasl_plaintext'],
  ])('is secured by %s alone', (given, protocol) => {
    const { kafka } = loadConfig(environment(`kafka: { ${given} }`, { SECRET: 's' }))
    expect(kafka?.connection.settings).toMatchObject({ 'security.protocol': protocol })
  })
})

describe('every problem is reported at once', () => {
  test('with its place, what to do, and never a value that may be a secret', () => {
    const problems = problemsOf(`kafka:
      partitions: 0
      replicationFactor: hunter2
      minInSyncReplicas: 16
      retentionHours: 0
      prefix: 'hunter2/'
      sessionTimeoutMs: 5999
      createTopics: hunter2
      sasl: { mechanism: hunter2, username: '', password: hunter2 }
      tls: { certFile: ${pem} }
      setings: {}
      settings: { acks: 1, bootstrap.servers: hunter2, sasl.password: hunter2, 'no name': 1, client.rack: [hunter2] }`)
    const own = 'is Carillon’s own to set, for its promises hang on it; remove it'
    expect(problems).toEqual([
      'kafka.partitions in carillon.yaml: must be a whole number from 1 to 1000',
      'kafka.replicationFactor in carillon.yaml: must be a whole number from 1 to 15',
      'kafka.minInSyncReplicas in carillon.yaml: must be a whole number from 1 to 15',
      'kafka.retentionHours in carillon.yaml: must be a whole number from 1 to 87600',
      'kafka.prefix in carillon.yaml: must be at most 64 letters, digits, dots, hyphens and underscores, like staging.',
      'kafka.sessionTimeoutMs in carillon.yaml: must be a whole number from 6000 to 300000',
      'kafka.createTopics in carillon.yaml: must be true or false',
      'kafka.sasl.mechanism in carillon.yaml: must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512',
      'kafka.sasl.username in carillon.yaml: must be the user’s name',
      'kafka.sasl.passwordEnv in carillon.yaml: must be the name of an environment variable',
      'kafka.sasl.password in carillon.yaml: is not known; it is one of mechanism, username, passwordEnv',
      'kafka.tls in carillon.yaml: has only one of certFile and keyFile; give both, or none',
      'kafka.settings.client.rack in carillon.yaml: must be a string, a number, true or false',
      'kafka.setings in carillon.yaml: is not known; did you mean settings?',
    ])
    const refused = problemsOf(
      `kafka: { settings: { acks: 1, bootstrap.servers: hunter2, sasl.password: hunter2, 'hunter2 is none': 1 } }`,
    )
    expect(refused).toEqual([
      `kafka.settings.acks in carillon.yaml: ${own}`,
      'kafka.settings.bootstrap.servers in carillon.yaml: is not set here; use CARILLON_LOG',
      'kafka.settings.sasl.password in carillon.yaml: is not set here; use kafka.sasl',
      'kafka.settings.hunter2 is none in carillon.yaml: is no name of a setting',
    ])
    expect(problems.join()).not.toContain('hunter2')
  })

  test('of a password that is not set, and of files that are not there', () => {
    const none = join(folder, 'none.pem')
    const text = `kafka: { tls: { caFile: ${none} }, sasl: { mechanism: PLAIN, username: u, passwordEnv: CARILLON_PW } }`
    expect(problemsOf(text)).toEqual([
      'kafka.sasl.passwordEnv in carillon.yaml: the variable CARILLON_PW is not set; set it to the password',
      'kafka.tls.caFile in carillon.yaml: cannot be read (ENOENT); it must be a file that Carillon may read',
    ])
  })

  test('of fewer replicas than must be in sync', () => {
    expect(problemsOf('kafka: { replicationFactor: 2, minInSyncReplicas: 3 }')).toEqual([
      'kafka.minInSyncReplicas in carillon.yaml: must be at most kafka.replicationFactor, or nothing could be written',
    ])
  })
})
