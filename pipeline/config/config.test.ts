import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { loadClientConfig, loadConfig } from './config.js'
import { ConfigProblems } from './problems.js'

const folder = mkdtempSync(join(tmpdir(), 'carillon-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

const file = join(folder, 'carillon.yaml')

function yaml(text: string): { CARILLON_CONFIG: string } {
  writeFileSync(file, text)
  return { CARILLON_CONFIG: file }
}

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    loadConfig(environment)
  } catch (error) {
    if (error instanceof ConfigProblems) return error.problems
    throw error
  }
  return []
}

const usualPolicy = { ratePerSecond: null, onUnknown: 'resend' }
const outboxPolicy = { ...usualPolicy, concurrency: 256, timeoutMs: 10_000 }
const webhookPolicy = { ...usualPolicy, concurrency: 64, timeoutMs: 15_000 }
const inbox = { kind: 'inbox', name: 'inbox', channels: ['inapp'], policy: outboxPolicy }
const webhook = {
  ...{ kind: 'webhook', name: 'webhook', channels: ['webhook'], policy: webhookPolicy },
  ...{ secret: null, allow: [] },
}
const unlimited = { email: null, sms: null, push: null, inapp: null, webhook: null, slack: null }

const [second, minute, hour, day] = [1000, 60_000, 3_600_000, 86_400_000]
const soon = {
  scheduleMs: [2 * second, 10 * second, 30 * second, 2 * minute, 10 * minute, 30 * minute, hour],
  giveUpAfterMs: 4 * hour,
}
const usualRetries = {
  byChannel: {
    email: {
      scheduleMs: [30 * second, 2 * minute, 10 * minute, 30 * minute, hour, 2 * hour, 4 * hour],
      giveUpAfterMs: 2 * day,
    },
    ...{ sms: soon, push: soon, inapp: soon, slack: soon },
    webhook: {
      scheduleMs: [
        ...[5 * second, 30 * second, 2 * minute, 10 * minute, 30 * minute],
        ...[2 * hour, 6 * hour, 12 * hour, 24 * hour],
      ],
      giveUpAfterMs: 3 * day,
    },
  },
  firstMs: { high: [second, 2 * second, 5 * second, 15 * second], normal: [], low: [] },
  requests: { minWaitMs: second, maxGiveUpAfterMs: 7 * day },
  ...{ baseMs: 1000, maxMs: 300_000 },
}
const plain = {
  host: '127.0.0.1',
  port: 3000,
  opsPort: 9464,
  apiKey: null,
  corsOrigins: [],
  trustedProxies: [],
  leaveMs: 0,
  compat: {
    a: { enabled: true, demoUsers: true },
    b: { enabled: true, requestsPerMinute: 30, duplicateWindowMs: 10_800_000 },
    c: { enabled: true, ratePerSecond: 100 },
  },
  dataFolder: resolve('data'),
  slot: null,
  log: { kind: 'sqlite' },
  store: { kind: 'sqlite' },
  kafka: null,
  registry: null,
  tracing: null,
  logLevel: 'info',
  providers: [
    { kind: 'outbox', name: 'outbox', channels: ['email', 'sms', 'push', 'slack'], policy: outboxPolicy },
    inbox,
    webhook,
  ],
  providerOf: {
    ...{ email: 'outbox', sms: 'outbox', push: 'outbox', inapp: 'inbox', webhook: 'webhook', slack: 'outbox' },
  },
  limits: { ratePerSecond: unlimited, smsSegments: 4 },
  dedupe: { windowMs: 10_800_000 },
  deliver: { window: 512 },
  retry: usualRetries,
  breaker: { failures: 5, halfOpenAfterMs: 30_000, maxHalfOpenAfterMs: 300_000 },
  retention: { recordsDays: 30, inboxDays: 90, logHours: 168, logBytes: 1_073_741_824 },
  lag: { everyMs: 10_000 },
  rendering: { timeLimitMs: 500, outputBytes: 262_144, workers: 2 },
}

describe('a configuration without problems', () => {
  test('is complete when nothing is set', () => {
    expect(loadConfig({ PATH: '/bin' })).toEqual(plain)
  })

  test('takes an empty variable for one that is not set', () => {
    expect(loadConfig({ CARILLON_PORT: '', CARILLON_API_KEY: '', CARILLON_SMTP_URL: '', CARILLON_CONFIG: '' })).toEqual(
      plain,
    )
  })

  test('cannot be changed, however deep', () => {
    const config = loadConfig({ CARILLON_WEBHOOK_ALLOW: 'localhost' })
    expect(() => Object.assign(config.providers[0]?.policy ?? {}, { concurrency: 1 })).toThrow(TypeError)
    expect(() => Object.assign(config, { port: 1 })).toThrow(TypeError)
  })

  test('holds what every variable says', () => {
    const config = loadConfig({
      CARILLON_HOST: '[::]',
      CARILLON_PORT: '0',
      CARILLON_OPS_PORT: '9000',
      CARILLON_DATA: '/var/lib/carillon',
      CARILLON_SLOT: '7',
      CARILLON_LOG: 'sqlite:',
      CARILLON_STORE: 'sqlite:',
      CARILLON_REGISTRY: 'https://ann:pass%20word@registry.example/apis/ccompat/v7/',
      CARILLON_API_KEY: 'a-long-key',
      CARILLON_SMTP_URL: 'smtps://user:pass@mail.example:465',
      CARILLON_MAIL_FROM: 'Carillon <carillon@example.org>',
      CARILLON_WEBHOOK_SECRET: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      CARILLON_WEBHOOK_ALLOW: 'Hooks.internal:8080, 10.0.0.0/8,fd00::/8,,127.0.0.1',
      CARILLON_PROVIDER_URL: 'http://gateway.example/send',
      CARILLON_LOG_LEVEL: 'debug',
      CARILLON_URL: 'http://127.0.0.1:3000',
    })
    const url = 'http://gateway.example/send'
    expect(config).toEqual({
      ...plain,
      host: '::',
      port: 0,
      opsPort: 9000,
      dataFolder: resolve('/var/lib/carillon'),
      slot: 7,
      registry: {
        url: 'https://registry.example/apis/ccompat/v7',
        ...{ username: 'ann', password: 'pass word', caFile: null, timeoutMs: 5000, autoRegister: false },
      },
      apiKey: 'a-long-key',
      logLevel: 'debug',
      providers: [
        {
          ...{ kind: 'smtp', name: 'smtp', channels: ['email'] },
          ...{ url: 'smtps://user:pass@mail.example:465', from: 'Carillon <carillon@example.org>' },
          policy: { ...usualPolicy, concurrency: 8, timeoutMs: 30_000 },
        },
        {
          ...{ kind: 'http', name: 'http', channels: ['sms', 'push'], url, secret: null },
          policy: { ...usualPolicy, concurrency: 32, timeoutMs: 10_000 },
        },
        inbox,
        {
          ...webhook,
          secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
          allow: ['hooks.internal:8080', '10.0.0.0/8', 'fd00::/8', '127.0.0.1'],
        },
        { kind: 'outbox', name: 'outbox', channels: ['slack'], policy: outboxPolicy },
      ],
      providerOf: { email: 'smtp', sms: 'http', push: 'http', inapp: 'inbox', webhook: 'webhook', slack: 'outbox' },
    })
  })

  test('sends e-mail through the HTTP provider where there is no SMTP', () => {
    expect(loadConfig({ CARILLON_PROVIDER_URL: 'http://gateway.example' }).providerOf).toEqual({
      ...plain.providerOf,
      ...{ email: 'http', sms: 'http', push: 'http' },
    })
  })

  test.each(['127.0.0.1', '127.9.9.9', '::1', '[::1]', 'localhost', '::ffff:127.0.0.1'])(
    'needs no key to listen on %s',
    (CARILLON_HOST) => {
      expect(problemsOf({ CARILLON_HOST })).toEqual([])
    },
  )
})

describe('the file', () => {
  test('may be empty', () => {
    expect(loadConfig(yaml(''))).toEqual(plain)
  })

  test('overrides the variables channel by channel and sets what has no variable', () => {
    const config = loadConfig({
      ...yaml(`
        providers:
          - { name: relay, kind: smtp, url: 'smtp://ann@relay.example', secretEnv: RELAY_PASSWORD, ratePerSecond: 0.5 }
          - name: gateway
            kind: http
            channels: [sms, slack]
            url: https://gateway.example/v2
            secretEnv: CARILLON_GATEWAY_TOKEN
            concurrency: 4
            timeoutMs: 2000
            onUnknown: park
          - { name: hooks, kind: webhook, allow: [Hooks.internal], secret: whsec_c2VjcmV0LXNlY3JldA== }
        limits: { sms: { ratePerSecond: 10 }, smsSegments: 2 }
        dedupe: { windowMs: 60000 }
        deliver: { window: 50 }
        retry: { baseMs: 100, maxMs: 100 }
        breaker: { failures: 2, halfOpenAfterMs: 1000 }
        retention: { recordsDays: 7, inboxDays: 8, logHours: 9, logBytes: 16777216 }
        lag: { everyMs: 2000 }
        rendering: { timeLimitMs: 100, outputBytes: 2048, workers: 1 }
        cors: { origins: [ 'https://app.example.org', 'http://localhost:5173' ] }
      `),
      CARILLON_MAIL_FROM: 'carillon@example.org',
      CARILLON_PROVIDER_URL: 'http://plain.example',
      CARILLON_WEBHOOK_ALLOW: '127.0.0.1',
      CARILLON_WEBHOOK_SECRET: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      RELAY_PASSWORD: 'p@ss/word',
      CARILLON_GATEWAY_TOKEN: 'token',
    })
    expect(config).toEqual({
      ...plain,
      corsOrigins: ['https://app.example.org', 'http://localhost:5173'],
      providers: [
        {
          ...{ kind: 'smtp', name: 'relay', channels: ['email'], from: 'carillon@example.org' },
          url: 'smtp://ann:p%40ss%2Fword@relay.example',
          policy: { ...usualPolicy, ratePerSecond: 0.5, concurrency: 8, timeoutMs: 30_000 },
        },
        {
          ...{ kind: 'http', name: 'gateway', channels: ['sms', 'slack'], secret: 'token' },
          url: 'https://gateway.example/v2',
          policy: { ratePerSecond: null, concurrency: 4, timeoutMs: 2000, onUnknown: 'park' },
        },
        {
          ...{ kind: 'http', name: 'http', channels: ['push'], url: 'http://plain.example', secret: null },
          policy: { ...usualPolicy, concurrency: 32, timeoutMs: 10_000 },
        },
        inbox,
        {
          ...{ ...webhook, name: 'hooks', secret: 'whsec_c2VjcmV0LXNlY3JldA==' },
          allow: ['127.0.0.1', 'hooks.internal'],
        },
      ],
      providerOf: {
        ...{ email: 'relay', sms: 'gateway', push: 'http', inapp: 'inbox', webhook: 'hooks', slack: 'gateway' },
      },
      limits: { ratePerSecond: { ...unlimited, sms: 10 }, smsSegments: 2 },
      dedupe: { windowMs: 60_000 },
      deliver: { window: 50 },
      retry: { ...usualRetries, baseMs: 100, maxMs: 100 },
      breaker: { failures: 2, halfOpenAfterMs: 1000, maxHalfOpenAfterMs: 300_000 },
      retention: { recordsDays: 7, inboxDays: 8, logHours: 9, logBytes: 16_777_216 },
      lag: { everyMs: 2000 },
      rendering: { timeLimitMs: 100, outputBytes: 2048, workers: 1 },
    })
  })
})

describe('the command line’s part', () => {
  test('reads its two variables and minds no other', () => {
    const environment = { CARILLON_URL: 'https://carillon.example/', CARILLON_API_KEY: 'key', CARILLON_PORT: 'x' }
    expect(loadClientConfig(environment)).toEqual({ url: 'https://carillon.example', apiKey: 'key' })
    expect(loadClientConfig({})).toEqual({ url: 'http://127.0.0.1:3000', apiKey: null })
  })

  test('refuses an address that is none', () => {
    expect(() => loadClientConfig({ CARILLON_URL: '127.0.0.1:3000' })).toThrow(
      new ConfigProblems([
        'CARILLON_URL: must be a URL like http://host or https://host, without a user or password in it',
      ]),
    )
  })
})
