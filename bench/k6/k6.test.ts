/** The scripts run in a real k6: against a real Carillon they hold, and they notice when a promise is broken. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type Faults, faultyServer } from '../../testing/bench/k6/faulty-server-sample.js'
import { k6For, k6Module, runScript } from '../../testing/bench/k6/k6-under-test.js'
import { type ProcessUnderTest, readyProcess, runCarillon } from '../../testing/process-under-test.js'

/** The compiled test stands in dist/bench/k6. */
const root = join(import.meta.dirname, '..', '..', '..')
const scripts = ['smoke.js', 'constant-arrival-rate.js', 'spike.js', 'user-notifications.js']
/** The machine is not what is tested: nothing is late, and there is a user for every request. */
const patient = { P95: '60000', P99: '60000', ENDED_P99: '600000', DRAIN: '60s', VUS: '200' }
const brief = { ...patient, RATE: '5', DURATION: '3s' }
const timeoutMs = 240_000
const key = 'a-key-of-the-test'

const found = await k6For(root)

test('docs/bench.md names which k6, and each script that there is', () => {
  const page = readFileSync(join(root, 'docs', 'bench.md'), 'utf8')
  const inFolder = readdirSync(join(root, 'bench', 'k6')).filter((name) =>
    /^export const handleSummary/m.test(sourceOf(name)),
  )
  expect(inFolder.sort()).toEqual([...scripts].sort())
  expect([`go install ${k6Module}`, ...scripts].filter((text) => !page.includes(text))).toEqual([])
})

if (found.k6 === null) test.skip(`k6: ${found.missing}`, () => undefined)
else describe('k6', () => describeRuns(found.k6))

function sourceOf(name: string): string {
  return readFileSync(join(root, 'bench', 'k6', name), 'utf8')
}

function describeRuns(k6: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-k6-'))
  let carillon: ProcessUnderTest
  let address = ''

  beforeAll(async () => {
    const { PATH } = process.env
    const data = join(folder, 'data')
    carillon = runCarillon(['start'], { PATH, CARILLON_DATA: data, CARILLON_PORT: '0', CARILLON_API_KEY: key })
    await readyProcess(carillon)
    address = await carillon.address
  })
  afterAll(async () => {
    await carillon?.end('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })

  const run = (script: string, base: string, environment: Readonly<Record<string, string>>) =>
    runScript(k6, join(root, 'bench', 'k6', script), base, folder, environment)

  const runOnFaulty = async (script: string, faults: Faults, environment: Readonly<Record<string, string>>) => {
    const server = await faultyServer(faults)
    onTestFinished(() => server.close())
    return run(script, server.address, { ...brief, DRAIN: '1s', ...environment })
  }

  test('smoke finds every route of a Carillon as it should be', { timeout: timeoutMs }, async () => {
    const { code, crossed, count, output } = await run('smoke.js', address, { CARILLON_API_KEY: key })
    expect({ code, crossed, completed: count('smoke_completed') }, output).toEqual({
      ...{ code: 0, crossed: [], completed: 1 },
    })
  })

  test.each(scripts.filter((name) => name !== 'smoke.js'))(
    '%s holds, and what it counts as accepted and delivered is what Carillon has',
    { timeout: timeoutMs },
    async (script) => {
      const before = await deliveredBy(address)
      const { code, crossed, count, output } = await run(script, address, { ...brief, CARILLON_API_KEY: key })
      const accepted = (await deliveredBy(address)) - before
      expect(
        {
          ...{ code, crossed, accepted: count('notifications_accepted'), ended: count('notification_ended_after') },
          undelivered: count('notifications_undelivered'),
        },
        output,
      ).toEqual({ code: 0, crossed: [], accepted, ended: accepted, undelivered: 0 })
      expect(accepted).toBeGreaterThan(10)
    },
  )

  test.each(scripts)('%s ends at once where no Carillon is', { timeout: timeoutMs }, async (script) => {
    const { code, count, output } = await run(script, 'http://127.0.0.1:9', brief)
    expect({ code, accepted: count('notifications_accepted') ?? 0 }, output).toEqual({ code: 108, accepted: 0 })
    expect(output).toContain('No ready Carillon on http://127.0.0.1:9')
  })

  test.each(['constant-arrival-rate.js', 'spike.js'])(
    '%s is not content with a 202 of which nothing comes',
    { timeout: timeoutMs },
    async (script) => {
      const { code, crossed, count, output } = await runOnFaulty(script, { forgets: true }, {})
      expect({ code, crossed: [...crossed].sort() }, output).toEqual({
        code: 99,
        crossed: ['notifications_undelivered: count==0', 'pipeline_drained: count==1'],
      })
      expect(count('notifications_undelivered')).toBe(count('notifications_accepted'))
    },
  )

  test('a steady load that could not be sent as it should is no result', { timeout: timeoutMs }, async () => {
    const slow = await runOnFaulty('constant-arrival-rate.js', { answerMs: 1000 }, { VUS: '1' })
    expect({ code: slow.code, crossed: slow.crossed }, slow.output).toEqual({
      code: 99,
      crossed: ['dropped_iterations: count==0'],
    })
  })

  test('a spike may be refused, where it is told when to try again', { timeout: timeoutMs }, async () => {
    const refuses = { from: 10, to: 20, retryAfter: true }
    const told = await runOnFaulty('spike.js', { refuses }, {})
    expect({ code: told.code, crossed: told.crossed, refused: told.count('requests_refused') }, told.output).toEqual({
      ...{ code: 0, crossed: [], refused: 10 },
    })
    const untold = await runOnFaulty('spike.js', { refuses: { ...refuses, retryAfter: false } }, {})
    expect({ code: untold.code, crossed: untold.crossed }, untold.output).toEqual({
      ...{ code: 99, crossed: ['checks: rate==1'] },
    })
  })
}

/** Notifications that were delivered so far. */
async function deliveredBy(address: string): Promise<number> {
  let count = 0
  let cursor: string | null = ''
  while (cursor !== null) {
    const query = `status=delivered&limit=1000${cursor && `&cursor=${cursor}`}`
    const answer = await fetch(`${address}/v1/notifications?${query}`, { headers: { authorization: `Bearer ${key}` } })
    const page = (await answer.json()) as { data: readonly unknown[]; nextCursor: string | null }
    count += page.data.length
    cursor = page.nextCursor === null ? null : encodeURIComponent(page.nextCursor)
  }
  return count
}
