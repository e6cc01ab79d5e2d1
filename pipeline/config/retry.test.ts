import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { loadConfig } from './config.js'
import { ConfigProblems } from './problems.js'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function configOf(yaml: string) {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-'))
  folders.push(folder)
  const path = join(folder, 'carillon.yaml')
  writeFileSync(path, yaml)
  return loadConfig({ CARILLON_CONFIG: path })
}

function problemsOf(yaml: string): readonly string[] {
  try {
    configOf(yaml)
    return []
  } catch (error) {
    if (error instanceof ConfigProblems) return error.problems
    throw error
  }
}

test('schedules are read by channel, provider and priority, in durations or in milliseconds', () => {
  const { retry, providers } = configOf(`
    providers:
      - { name: gateway, kind: http, url: "https://x.example", channels: [sms], retry: { schedule: [1s, 5m] } }
    retry:
      email: { schedule: [10, 20ms, 1h], giveUpAfter: 5d }
      push: { giveUpAfter: 30m }
      first: { high: [100], low: [2m] }
      requests: { minWait: 5s, maxGiveUpAfter: 1d }
  `)
  expect(retry.byChannel.email).toEqual({ scheduleMs: [10, 20, 3_600_000], giveUpAfterMs: 432_000_000 })
  expect(retry.byChannel.push).toEqual({ ...retry.byChannel.slack, giveUpAfterMs: 1_800_000 })
  expect(retry.firstMs).toEqual({ high: [100], normal: [], low: [120_000] })
  expect(retry.requests).toEqual({ minWaitMs: 5000, maxGiveUpAfterMs: 86_400_000 })
  expect(providers.find(({ name }) => name === 'gateway')?.retry).toEqual({ scheduleMs: [1000, 300_000] })
})

describe('a schedule that cannot be kept is refused at start, by its name', () => {
  test.each([
    ['retry: { sms: { schedule: [] } }', 'retry.sms.schedule in carillon.yaml: must hold 1 to 50 waits'],
    [
      'retry: { sms: { schedule: [1m, 30s] } }',
      'retry.sms.schedule in carillon.yaml: must hold no wait that is shorter than the one before',
    ],
    [
      'retry: { sms: { schedule: [-5] } }',
      'retry.sms.schedule[0] in carillon.yaml: must be a duration like 30s, 5m or 2d, or a number of milliseconds',
    ],
    [
      'retry: { sms: { schedule: [1s, 31d] } }',
      'retry.sms.schedule in carillon.yaml: must hold no wait longer than 30d',
    ],
    [
      'retry: { webhook: { giveUpAfter: 31d } }',
      'retry.webhook.giveUpAfter in carillon.yaml: must be from 10ms to 30d: cancels and outcomes are not remembered for longer',
    ],
    [
      'retry: { requests: { maxGiveUpAfter: 31d } }',
      'retry.requests.maxGiveUpAfter in carillon.yaml: must be from 10ms to 30d: cancels and outcomes are not remembered for longer',
    ],
    [
      'providers: [{ name: a, kind: http, url: "https://x.example", retry: { giveUpAfter: 31d } }]',
      'providers[0].retry.giveUpAfter in carillon.yaml: must be from 10ms to 30d: cancels and outcomes are not remembered for longer',
    ],
    [
      'retry: { first: { high: [2s, 1s] } }',
      'retry.first.high in carillon.yaml: must hold no wait that is shorter than the one before',
    ],
    [
      'retry: { requests: { minWait: often } }',
      'retry.requests.minWait in carillon.yaml: must be a duration like 30s, 5m or 2d, or a number of milliseconds',
    ],
    [
      'breaker: { halfOpenAfterMs: 60000, maxHalfOpenAfterMs: 1000 }',
      'breaker.maxHalfOpenAfterMs in carillon.yaml: must be at least breaker.halfOpenAfterMs',
    ],
  ])('%s', (yaml, problem) => {
    expect(problemsOf(yaml)).toEqual([problem])
  })
})
