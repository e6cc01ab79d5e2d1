import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { tallyOf } from './tally.js'

const program = fileURLToPath(new URL('./main.js', import.meta.url))

/** Runs the bench as `npm run bench` does. */
function bench(...args: string[]): Promise<{ code: unknown; last: unknown; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], (error, out, err) => {
      const line = out.trimEnd().split('\n').at(-1) ?? ''
      resolve({ code: error ? (error.code ?? error.signal) : 0, last: line === '' ? null : JSON.parse(line), err })
    })
  })
}

const figure = expect.any(Number)
const latency = { p50: figure, p95: figure, p99: figure, max: figure }
const sound = { lost: 0, duplicates: 0 }

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
    const { code, last } = await bench('--count', '50', '--rate', '100', '--seconds', '1', '--json')
    expect({ code, last }).toEqual({
      code: 0,
      last: {
        ...{ engine: 'sqlite', count: 100, seconds: figure, perSecond: figure, lost: 0, duplicates: 0 },
        ...{ latencyMs: { p50: figure, p95: figure, p99: figure }, rssMiB: figure, bareChainPerSecond: figure },
      },
    })
  })

  test('a scenario says more: processor time of the engine, and by part where a profile is asked for', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'carillon-bench-test-'))
    try {
      const { code, last } = await bench('--scenario', 'drain', '--count', '500', '--profile', folder, '--json')
      expect({ code, last }).toMatchObject({
        code: 0,
        last: {
          ...{ scenario: 'drain', count: 500, ...sound, cpuMicros: { engine: figure }, bareCpuMicros: figure },
          shares: { 'SQLite: log, state, records': figure, Avro: figure },
        },
      })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  const short: readonly (readonly [command: string, figures: object])[] = [
    ['burst --rate 50 --times 4 --seconds 1', { before: latency, during: latency, after: latency }],
    ['backlog-recovery --rate 50 --down 1 --seconds 2', { waited: 50, workedOffMs: figure, after: latency }],
    ['slow-provider --rate 50 --slow-ms 300 --seconds 1', { without: latency, with: latency, slowChannel: latency }],
    ['restore --count 300', { waiting: 300, readyMs: figure, rssAfterStartMiB: figure }],
    ['ingest --seconds 1', { batchPerSecond: figure, singlePerSecond: figure, singleMs: { p50: figure, p99: figure } }],
  ]
  test.each(short)('%s loses nothing, does nothing twice, and has its figures', async (command, figures) => {
    const [name = '', ...options] = command.split(' ')
    const { code, last } = await bench('--scenario', name, ...options, '--json')
    const expected = { engine: 'sqlite', scenario: name, ...sound, ...figures }
    expect({ code, last }).toMatchObject({ code: 0, last: expected })
  })

  test('several runs have the spread of each figure, compared with that of earlier ones', async () => {
    const spread = { min: figure, median: figure, max: figure }
    const folder = mkdtempSync(join(tmpdir(), 'carillon-bench-test-'))
    try {
      const file = join(folder, 'earlier.json')
      const earlier = {
        ...{ command: 'npm run bench', runs: [{ perSecond: 1e9 }], commit: 'abc', node: 'v1', date: '2026-01-01' },
        ...{ machine: { cpus: 1, model: 'abacus', memoryGiB: 1 }, loadBefore: [0], loadAfter: [0] },
        figures: { perSecond: { min: 1e9, median: 1e9, max: 1e9 } },
      }
      writeFileSync(file, JSON.stringify({ 'drain --count 200': earlier }))
      const { code, last } = await bench('--count', '200', '--runs', '2', '--compare', file, '--json')
      expect({ code, last }).toMatchObject({
        code: 0,
        last: {
          ...{ engine: 'sqlite', scenario: 'drain', runs: 2, ...sound },
          figures: { perSecond: spread, 'cpuMicros.engine': spread, bareChainPerSecond: spread, rssMiB: spread },
          differences: [{ figure: 'perSecond', before: earlier.figures.perSecond, now: spread, outside: true }],
        },
      })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('says what is wrong with what was asked for', async () => {
    const { code, err } = await bench('--scenario', 'rebalance')
    expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining('with --engine kafka only') })
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
