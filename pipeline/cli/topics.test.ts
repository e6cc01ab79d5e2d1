import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { brokerAddress } from '../../testing/logs/kafka/log-under-test.js'
import { loadConfig } from '../config/config.js'
import { answerOf, loadKafka } from '../logs/kafka/library.js'
import { carillonTopics } from '../logs/kafka/topics.js'

const executable = join(import.meta.dirname, 'main.js')
const folder = mkdtempSync(join(tmpdir(), 'carillon-topics-'))
afterAll(() => rmSync(folder, { recursive: true }))
const prefix = `t${randomBytes(4).toString('hex')}.`

/** Nothing of this process's own environment may reach the program. The broker's connection is served meanwhile. */
async function carillon(args: readonly string[], environment: Record<string, string>) {
  const program = spawn(process.execPath, [executable, ...args], { env: { PATH: process.env.PATH, ...environment } })
  const [out, err]: string[][] = [[], []]
  program.stdout.setEncoding('utf8').on('data', (text: string) => out?.push(text))
  program.stderr.setEncoding('utf8').on('data', (text: string) => err?.push(text))
  const code = await new Promise<number | null>((resolve) => program.once('close', resolve))
  return { code, out: out?.join('') ?? '', err: err?.join('') ?? '' }
}

/** The file of these tests, with keys of its own. */
function environmentOf(address: string, keys: string): Record<string, string> {
  const file = join(folder, 'carillon.yaml')
  writeFileSync(file, `kafka: { prefix: ${prefix}, ${keys} }`)
  return { CARILLON_LOG: `kafka://${address}`, CARILLON_CONFIG: file }
}

test.each(['create', 'check'])('topics %s is refused without Kafka', async (command) => {
  const { code, out, err } = await carillon(['topics', command], {})
  expect({ code, out, err }).toEqual({
    ...{ code: 2, out: '' },
    err: 'There are topics on Kafka only: set CARILLON_LOG to kafka://host:port\n',
  })
})

test('topics check tells a broker that does not answer by its exit code', async () => {
  expect(await carillon(['topics', 'check'], { CARILLON_LOG: 'kafka://127.0.0.1:1' })).toEqual({
    ...{ code: 3, out: '' },
    err: 'No Kafka broker answers. Is CARILLON_LOG right, and Kafka up?\n',
  })
})

const broker = await brokerAddress()
if (broker.address === null) test.skip(`the commands for topics: ${broker.missing}`, () => undefined)
else describeOn(broker.address)

function describeOn(address: string): void {
  const { kafka } = loadConfig(environmentOf(address, 'partitions: 2'))
  const names = kafka ? carillonTopics(kafka).map(({ name }) => name) : []

  afterAll(async () => {
    const { AdminClient } = await loadKafka()
    const admin = AdminClient.create({ 'bootstrap.servers': address })
    for (const name of names) {
      await answerOf<undefined>((done) => admin.deleteTopic(name, 5000, (error) => done(error, undefined)))
    }
    admin.disconnect()
  })

  test('topics check tells what is missing, create makes it, and check is content', async () => {
    const environment = environmentOf(address, 'partitions: 2')
    const missing = await carillon(['topics', 'check', '--json'], environment)
    expect({ code: missing.code, err: missing.err }).toEqual({ code: 1, err: 'Run: carillon topics create\n' })
    expect(JSON.parse(missing.out)).toEqual({
      topics: names.length,
      differences: names.map((topic) => ({
        ...{ topic, what: 'missing', wanted: 'a topic', found: 'none', fatal: true },
      })),
    })
    const created = await carillon(['topics', 'create'], environment)
    const lines = [...names.map((name) => `created ${name}`), `${names.length} created, 0 there before`]
    expect(created).toEqual({ code: 0, out: `${lines.join('\n')}\n`, err: '' })
    const again = await carillon(['topics', 'create', '--json'], environment)
    expect({ ...again, out: JSON.parse(again.out) }).toEqual({
      code: 0,
      out: { created: [], differences: [] },
      err: '',
    })
    expect(await carillon(['topics', 'check'], environment)).toEqual({
      ...{ code: 0, out: `${names.length} topics, 0 not as they should be\n`, err: '' },
    })
  })

  test('topics check tells what differs, and whether Carillon could run so', async () => {
    const harmless = await carillon(
      ['topics', 'check'],
      environmentOf(address, 'partitions: 2, replicationFactor: 1, minInSyncReplicas: 1, deadLettersRetentionHours: 1'),
    )
    expect(harmless).toEqual({
      code: 1,
      out: [
        `TOPIC${' '.repeat(19)}WHAT          WANTED   FOUND`,
        `${prefix}dead-letters  retention.ms  3600000  2592000000`,
        `${names.length} topics, 1 not as they should be\n`,
      ].join('\n'),
      err: 'Carillon runs on them; kafka-configs.sh changes them\n',
    })
    const unfit = await carillon(['topics', 'create', '--json'], environmentOf(address, 'partitions: 3'))
    expect(unfit).toMatchObject({ code: 1, err: expect.stringMatching(/^Carillon cannot run on these topics: /) })
    expect(JSON.parse(unfit.out).differences[0]).toEqual({
      ...{ topic: names[0], what: 'partitions', wanted: '3', found: '2', fatal: true },
    })
  })
}
