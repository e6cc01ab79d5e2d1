import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { brokerAddress } from '../testing/logs/kafka/log-under-test.js'

const broker = await brokerAddress()
const missing = broker.address === null ? `: skipped, ${broker.missing}` : ''
const figure = expect.any(Number)

/** Runs a program as npm does, on the tests' broker. */
function onKafka(program: string, ...args: string[]): Promise<{ code: unknown; last: unknown; err: string }> {
  const file = fileURLToPath(new URL(program, import.meta.url))
  const env = { ...process.env, CARILLON_LOG: `kafka://${broker.address}` }
  return new Promise((resolve) => {
    execFile(process.execPath, [file, '--engine', 'kafka', ...args, '--json'], { env }, (error, out, err) => {
      const line = out.trimEnd().split('\n').at(-1) ?? ''
      resolve({ code: error ? (error.code ?? error.signal) : 0, last: line === '' ? null : JSON.parse(line), err })
    })
  })
}

describe.skipIf(broker.address === null)(`npm run bench and faults on Kafka${missing}`, () => {
  test('six processes drain a backlog: nothing is lost, and no stage writes anything twice', async () => {
    expect(await onKafka('./main.js', '--count', '500')).toEqual({
      code: 0,
      last: {
        ...{ engine: 'kafka', count: 500, seconds: figure, perSecond: figure, lost: 0, duplicates: 0 },
        ...{ latencyMs: null, rssMiB: figure, bareChainPerSecond: figure },
      },
      err: '',
    })
  })

  test('at a steady rate over HTTP, says how late the provider was called', async () => {
    expect(await onKafka('./main.js', '--count', '50', '--rate', '50', '--seconds', '1')).toEqual({
      code: 0,
      last: {
        ...{ engine: 'kafka', count: 50, seconds: figure, perSecond: figure, lost: 0, duplicates: 0 },
        ...{ latencyMs: { p50: figure, p95: figure, p99: figure }, rssMiB: figure, bareChainPerSecond: figure },
      },
      err: '',
    })
  })

  const latency = { p50: figure, p95: figure, p99: figure, max: figure }
  const start = { readyMs: figure, firstMs: figure, allMs: figure }
  const short: readonly (readonly [command: string, figures: object])[] = [
    ['rebalance --rate 20 --seconds 3', { joined: latency, left: latency, joinMs: figure, leaveMs: figure }],
    ['restore --count 500 --stage dedupe', { dedupe: { entries: 700, kept: start, restored: start } }],
  ]
  test.each(short)('%s loses nothing, does nothing twice, and has its figures', async (command, figures) => {
    const [name = '', ...options] = command.split(' ')
    const { code, last, err } = await onKafka('./main.js', '--scenario', name, ...options)
    const expected = { engine: 'kafka', scenario: name, lost: 0, duplicates: 0, ...figures }
    expect({ code, last, err }).toMatchObject({ code: 0, last: expected, err: '' })
  })

  test('whatever is killed, everything accepted ends, and every stage wrote it once', async () => {
    const { code, last, err } = await onKafka('./faults.js', '--kills', '2', '--count', '200', '--seed', '7')
    expect({ code, last, err }).toEqual({
      code: 0,
      last: {
        ...{ seed: 7, accepted: 200, terminal: 200, lost: 0, distinctKeys: 200, kills: 2 },
        duplicateProviderCalls: figure,
      },
      err: '',
    })
  })
})
