import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test, vi } from 'vitest'
import { brokerAddress } from '../pipeline/kafka/log-under-test.js'

vi.setConfig({ testTimeout: 120_000 })

const broker = await brokerAddress()
const missing = broker.address === null ? `: skipped, ${broker.missing}` : ''
const figure = expect.any(Number)

/** Runs a program as npm does, on the tests' broker. */
function onKafka(program: string, ...args: string[]): Promise<{ code: number; last: unknown; err: string }> {
  const file = fileURLToPath(new URL(program, import.meta.url))
  const env = { ...process.env, CARILLON_LOG: `kafka://${broker.address}` }
  return new Promise((resolve) => {
    execFile(process.execPath, [file, '--engine', 'kafka', ...args, '--json'], { env }, (error, out, err) => {
      const line = out.trimEnd().split('\n').at(-1) ?? ''
      resolve({ code: Number(error?.code ?? 0), last: line === '' ? null : JSON.parse(line), err })
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
