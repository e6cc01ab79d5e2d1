import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test, vi } from 'vitest'
import { medianBy } from './results.js'
import { tallyOf } from './tally.js'

const program = fileURLToPath(new URL('./main.js', import.meta.url))

vi.setConfig({ testTimeout: 60_000 })

/** Runs the bench as `npm run bench` does. */
function bench(...args: string[]): Promise<{ code: number; last: unknown; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], (error, out, err) => {
      const line = out.trimEnd().split('\n').at(-1) ?? ''
      resolve({ code: Number(error?.code ?? 0), last: line === '' ? null : JSON.parse(line), err })
    })
  })
}

const figure = expect.any(Number)

describe('npm run bench', () => {
  test('drains a backlog, ends with one JSON line, and finds nothing lost and nothing twice', async () => {
    const { code, last } = await bench('--engine', 'sqlite', '--count', '500', '--json')
    expect({ code, last }).toEqual({
      code: 0,
      last: {
        ...{ engine: 'sqlite', count: 500, seconds: figure, perSecond: figure, lost: 0, duplicates: 0 },
        ...{ latencyMs: null, rssMiB: figure, bareChainPerSecond: figure },
      },
    })
  })

  test('at a steady rate, says how late the provider was called', async () => {
    const { code, last } = await bench('--rate', '100', '--seconds', '1', '--json')
    expect({ code, last }).toEqual({
      code: 0,
      last: {
        ...{ engine: 'sqlite', count: 100, seconds: figure, perSecond: figure, lost: 0, duplicates: 0 },
        ...{ latencyMs: { p50: figure, p95: figure, p99: figure }, rssMiB: figure, bareChainPerSecond: figure },
      },
    })
  })
})

describe('the tally', () => {
  test('counts what is missing somewhere once, and what is too much everywhere', () => {
    const tally = tallyOf(['a', 'b', 'c'])
    tally.count('stub provider', ['a', 'c'], 1)
    tally.count('notifications.requested', ['a', 'b', 'c', 'b', 'x'])
    tally.count('record store', ['c'])
    expect(tally.total()).toEqual({
      lost: 2,
      duplicates: 3,
      places: [
        { name: 'stub provider', missing: 1, extra: 1 },
        { name: 'notifications.requested', missing: 0, extra: 2 },
        { name: 'record store', missing: 2, extra: 0 },
      ],
    })
  })
})

test('of three runs the one with the middle figure is saved', () => {
  const runs = [30, 10, 20].map((p95) => ({ latencyMs: { p95 } }))
  expect(medianBy(runs, 'latencyMs.p95')).toEqual({ latencyMs: { p95: 20 } })
  expect(() => medianBy(runs, 'perSecond')).toThrow('The run has no figure perSecond')
})
