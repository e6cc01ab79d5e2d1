import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { topicOf } from '../../schemas/streams.js'
import { scriptedServer } from '../../testing/cli/carillon-under-test.js'
import { lagUnderTest } from '../../testing/logs/kafka/lag-reader-under-test.js'
import { brokerAddress } from '../../testing/logs/kafka/log-under-test.js'
import { durationText } from './lag-tables.js'

const server = scriptedServer()
const folder = mkdtempSync(join(tmpdir(), 'carillon-lag-command-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('a running Carillon tells the age of what waits, too, when it will be done, and who works on it', async () => {
  const none = { ageMs: 0, retentionUsed: 0, lost: 0 }
  const stage = { state: 'running', processed: 9, perSecond: 3.25, restarts: 0 }
  const behind = { ageMs: 312_000, retentionUsed: 0.75, lost: 12, drainMs: 90_000, members: 2, lanes: { high: none } }
  server.answers = [
    {
      status: 200,
      body: {
        stages: [
          { stage: 'throttle', ...stage, lag: { high: 1, low: 20 }, parked: 5, behind },
          {
            stage: 'deliver',
            ...stage,
            lag: { high: 0 },
            behind: { ...none, drainMs: 'never', members: 0, lanes: {} },
          },
        ],
        problems: [],
      },
    },
  ]
  expect(await server.carillon(['lag'])).toEqual({
    code: 0,
    err: '',
    out: [
      'STAGE     STATE    MEMBERS  WAITING  BY LANE         OLDEST      DRAINED IN  RETENTION  LOST  PER SECOND  PARKED  RESTARTS',
      'throttle  running  2        21       high 1, low 20  5 min 12 s  1 min 30 s  75.0 %     12    3.3         5       0',
      'deliver   running  0        0        high 0          0 s         never       0.0 %            3.3                 0',
      '',
    ].join('\n'),
  })
})

test.each([
  [null, '?'],
  [0, '0 s'],
  [40, '0.0 s'],
  [59_900, '59.9 s'],
  [60_000, '1 min 0 s'],
  [7_380_000, '2 h 3 min'],
  [273_600_000, '3 d 4 h'],
] as const)('%s ms are written %s', (ms, text) => {
  expect(durationText(ms)).toBe(text)
})

test.each([
  ['a time that is none', ['--watch', '0'], {}, 'It must be a number of seconds from 1 to 3600.'],
  ['partitions without Kafka', ['--by-partition'], {}, '--by-partition asks Kafka: set CARILLON_LOG'],
  ['a log that is none', [], { CARILLON_LOG: 'kafka://oops' }, 'CARILLON_LOG: must be sqlite: or kafka://host:port'],
])('refuses %s', async (_, args, environment, message) => {
  const result = await server.carillon(['lag', ...args], '', environment)
  expect(result).toEqual({ code: 2, out: '', err: expect.stringContaining(message) })
})

const broker = await brokerAddress()
if (broker.address === null) test.skip(`carillon lag on Kafka: ${broker.missing}`, () => undefined)
else describeOnKafka(broker.address)

function describeOnKafka(address: string): void {
  const environment = { CARILLON_LOG: `kafka://${address}`, UV_THREADPOOL_SIZE: '64' }

  test('Kafka is asked where nothing of Carillon runs', async () => {
    const opened = await lagUnderTest(address)
    const file = join(folder, 'carillon.yaml')
    // JSON is YAML.
    writeFileSync(file, JSON.stringify({ kafka: { prefix: opened.prefix, partitions: 1 } }))
    const carillon = (...args: string[]) =>
      server.carillon(['lag', ...args], '', { ...environment, CARILLON_CONFIG: file })
    try {
      const twoHoursAgo = Date.now() - 7_260_000
      await opened.write(topicOf('deliveries.routed', 'high', null), [twoHoursAgo, twoHoursAgo])
      await opened.ack('throttle', topicOf('deliveries.routed', 'high', null), 1)
      const table = await carillon()
      const rows = table.out.split('\n').map((line) => line.split(/ {2,}/))
      expect([table.code, table.err]).toEqual([0, ''])
      expect(rows.filter(([stage]) => stage === 'STAGE' || stage === 'throttle')).toEqual([
        ['STAGE', 'MEMBERS', 'WAITING', 'BY LANE', 'OLDEST', 'DRAINED IN', 'RETENTION', 'PER SECOND'],
        [
          'throttle',
          '0',
          '2',
          'high 2, normal 0, low 0',
          '2 h 1 min',
          'never',
          expect.stringMatching(/^201\.\d %$/),
          '0.0',
        ],
      ])
      const partitions = await carillon('--by-partition')
      expect(partitions.out.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
        ['STAGE', 'TOPIC', 'PARTITION', 'COMMITTED', 'END', 'WAITING', 'OLDEST', 'LOST'],
        ['throttle', `${opened.prefix}deliveries.routed.high`, '0', '1', '3', '2', '2 h 1 min'],
        [''],
      ])
      const { stages } = JSON.parse((await carillon('--json')).out) as { stages: readonly { stage: string }[] }
      expect(stages.find(({ stage }) => stage === 'throttle')).toMatchObject({
        ...{ input: 'deliveries.routed', lag: { high: 2, normal: 0, low: 0 }, perSecond: 0 },
        behind: { drainMs: 'never', lost: 0, members: 0, lanes: { low: { ageMs: 0, retentionUsed: 0, lost: 0 } } },
      })
    } finally {
      await opened.close()
    }
  })

  test('topics that are not there are said to be missing, and a broker that is not there cannot be reached', async () => {
    const file = join(folder, 'missing.yaml')
    writeFileSync(file, JSON.stringify({ kafka: { prefix: 'nothing-here.' } }))
    expect(await server.carillon(['lag'], '', { ...environment, CARILLON_CONFIG: file })).toEqual({
      ...{ code: 3, out: '' },
      err: `Kafka at ${address} cannot tell the lag: Topics are missing, or have fewer partitions than kafka.partitions says. Whether all topics are there: carillon topics check\n`,
    })
    const away = await server.carillon(['lag'], '', { ...environment, CARILLON_LOG: 'kafka://127.0.0.1:1' })
    expect(away).toEqual({ code: 3, out: '', err: expect.stringContaining('No Kafka broker answers.') })
  })
}
