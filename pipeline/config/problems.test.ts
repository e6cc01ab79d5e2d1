import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { loadConfig } from './config.js'
import { ConfigProblems, nearest } from './problems.js'

const folder = mkdtempSync(join(tmpdir(), 'carillon-problems-'))
afterAll(() => rmSync(folder, { recursive: true }))

function yaml(text: string): { CARILLON_CONFIG: string } {
  const file = join(folder, 'carillon.yaml')
  writeFileSync(file, text)
  return { CARILLON_CONFIG: file }
}

function problemsOf(environment: Record<string, string>): string {
  try {
    loadConfig(environment)
  } catch (error) {
    if (error instanceof ConfigProblems) return error.message
    throw error
  }
  return ''
}

const everythingWrong = `
providers:
  - { name: a, kind: smtp, url: "https://hunter2", chanels: [email], timeoutMs: hunter2 }
  - { name: b, kind: http, url: "https://x.example", channels: [sms, inapp] }
  - { kind: pigeon }
  - { name: c, kind: http, url: "https://x.example", channels: [sms], secretEnv: NOT_SET }
  - { name: c, kind: http, url: "https://user:hunter2@x.example" }
  - { name: d, kind: http, url: "https://x.example", channels: [sms, push], secret: hunter2, secretEnv: NOT_SET }
  - { name: d, kind: http, url: "https://x.example", channels: [push], secret: "hunter2 hunter2" }
  - { name: outbox, kind: webhook, secret: hunter2 }
  - { name: e, kind: webhook, secret: hunter2 }
  - { name: f, kind: smtp, url: "smtp://x.example" }
  - hunter2
limts: hunter2
limits: { sms: { ratePerSecond: -1 }, fax: {}, smsSegments: 99 }
retry: { baseMs: 5000, maxMs: 100 }
cors: { origins: ["https://a.example/"] }
deliver: 7
`

const noSender =
  'must be a sender like carillon@example.org or Carillon <carillon@example.org>; double quotes stand around the whole name'

describe('every problem is reported at once', () => {
  test('with its place, what to do, and never a value that may be a secret', () => {
    const problems = problemsOf({
      ...yaml(everythingWrong),
      CARILLON_HOST: '0.0.0.0',
      CARILLON_PORT: '99999',
      CARILLON_OPS_PORT: '-1',
      CARILLON_SLOT: 'hunter2',
      CARILLON_LOG: 'kafka://hunter2:9092,b:90920',
      CARILLON_STORE: 'mongodb://user:hunter2@db/carillon',
      CARILLON_REGISTRY: 'ftp://hunter2',
      CARILLON_SMTP_URL: 'smtp://user:hunter2@mail.example',
      CARILLON_WEBHOOK_SECRET: 'whsec_!!hunter2',
      CARILLON_WEBHOOK_ALLOW: '127.0.0.1,10.0.0.0/40',
      CARILLON_PROVIDER_URL: 'https://user:hunter2@gateway.example',
      CARILLON_LOG_LEVEL: 'hunter2',
      CARILLON_PROT: 'hunter2',
      CARILLON_FROBNICATE: 'hunter2',
    })
    expect(problems.split('\n')).toEqual([
      'CARILLON_PORT: must be a whole number from 0 to 65535',
      'CARILLON_OPS_PORT: must be a whole number from 0 to 65535',
      'CARILLON_SLOT: must be a whole number from 0 to 9999',
      'CARILLON_LOG: must be sqlite: or kafka://host:port,host:port',
      'CARILLON_REGISTRY: must be a URL like http://host or https://host',
      'CARILLON_WEBHOOK_SECRET: must be whsec_ and 8 to 128 bytes in base64; make one with: echo "whsec_$(openssl rand -base64 24)"',
      'CARILLON_WEBHOOK_ALLOW: must be hosts or networks by comma, each with a port or none, like hooks.internal:8080,10.0.0.0/8',
      'CARILLON_PROVIDER_URL: must be a URL like http://host or https://host, without a user or password in it',
      'CARILLON_LOG_LEVEL: must be one of debug, info, warn, error, silent',
      'CARILLON_API_KEY: is needed to listen beyond loopback; set a key, or set CARILLON_HOST to 127.0.0.1',
      'CARILLON_MAIL_FROM: is needed with CARILLON_SMTP_URL; set the sender, like carillon@example.org',
      'CARILLON_FROBNICATE: is not known; remove it',
      'CARILLON_PROT: is not known; did you mean CARILLON_PORT?',
      'providers[0].timeoutMs in carillon.yaml: must be a whole number from 100 to 120000',
      'providers[0].url in carillon.yaml: must be a URL like smtp://host or smtps://host',
      'providers[0].chanels in carillon.yaml: is not known; did you mean channels?',
      'providers[1].channels[1] in carillon.yaml: must be one of: email, sms, push, slack',
      'providers[2].kind in carillon.yaml: must be smtp, webhook or http',
      'providers[4].url in carillon.yaml: must be a URL like http://host or https://host, without a user or password in it',
      'providers[6].secret in carillon.yaml: must be 1 to 256 visible ASCII characters without spaces',
      'providers[7].name in carillon.yaml: must be a name of lower-case letters, digits and hyphens, other than inbox and outbox',
      'providers[10] in carillon.yaml: must be a mapping of keys like name: …',
      'limits.sms.ratePerSecond in carillon.yaml: must be a number from 0.01 to 100000, in messages a second',
      'limits.smsSegments in carillon.yaml: must be a whole number from 1 to 10',
      'limits.fax in carillon.yaml: is not known; it is one of email, sms, push, inapp, webhook, slack, smsSegments',
      'deliver in carillon.yaml: must be a mapping of keys like window: …',
      'retry.maxMs in carillon.yaml: must be at least retry.baseMs',
      'cors.origins[0] in carillon.yaml: must be an origin like https://app.example.org (no path, no slash at the end)',
      'limts in carillon.yaml: is not known; did you mean limits?',
      'providers[3].secretEnv in carillon.yaml: the variable NOT_SET is not set; set it to the secret',
      'providers[5] in carillon.yaml: has secret and secretEnv; give one of them',
      'providers[8].secret in carillon.yaml: must be whsec_ and 8 to 128 bytes in base64; make one with: echo "whsec_$(openssl rand -base64 24)"',
      'providers[9].from in carillon.yaml: is missing; give the sender here or in CARILLON_MAIL_FROM',
      'providers[5].channels in carillon.yaml: sms is carried by providers[3] too; leave it to one',
    ])
    expect(problems).not.toContain('hunter2')
  })

  test('and two providers of one name are told apart by their place', () => {
    const provider = '{ name: gateway, kind: http, url: "https://x.example", channels'
    expect(problemsOf(yaml(`providers: [${provider}: [sms] }, ${provider}: [push] }]`))).toBe(
      'providers[1].name in carillon.yaml: is that of providers[0] too; give it another',
    )
  })

  test('also of a sender that is wrong and used by the file', () => {
    const environment = yaml('providers: [{ name: relay, kind: smtp, url: "smtp://x.example" }]')
    expect(problemsOf({ ...environment, CARILLON_MAIL_FROM: 'nobody' })).toBe(`CARILLON_MAIL_FROM: ${noSender}`)
  })

  test('also of a sender that could be read in two ways, at its own place', () => {
    const smtp = { CARILLON_SMTP_URL: 'smtp://x.example' }
    expect(problemsOf({ ...smtp, CARILLON_MAIL_FROM: '"Ann" Smith <a@b.c>' })).toBe(`CARILLON_MAIL_FROM: ${noSender}`)
    const from = '"=?UTF-8?Q?Ann?= <a@b.c>"'
    expect(problemsOf(yaml(`providers: [{ name: x, kind: smtp, url: "smtp://x.example", from: ${from} }]`))).toBe(
      `providers[0].from in carillon.yaml: ${noSender}`,
    )
  })
})

describe('a file that cannot be read', () => {
  test('is named when it does not exist', () => {
    expect(problemsOf({ CARILLON_CONFIG: join(folder, 'none.yaml') })).toBe(
      'CARILLON_CONFIG: none.yaml does not exist; check the path, or unset the variable',
    )
  })

  test('is named when it is a folder', () => {
    expect(problemsOf({ CARILLON_CONFIG: folder })).toMatch(/^CARILLON_CONFIG: .+ cannot be read \(EISDIR\)/)
  })

  test('is named when it is far too large', () => {
    expect(problemsOf(yaml(`# ${'x'.repeat(1024 * 1024)}`))).toBe(
      'CARILLON_CONFIG: carillon.yaml is larger than 1 MiB; is it the right file?',
    )
  })

  test('shows where it is not YAML without quoting it', () => {
    expect(problemsOf(yaml('providers:\n  - secret: "hunter2\n'))).toBe(
      'CARILLON_CONFIG: carillon.yaml is not YAML at line 3, column 1 (missing char)',
    )
  })

  test('may not blow up by aliases', () => {
    const bomb = Array.from({ length: 9 }, (_, i) => `a${i}: &a${i} [${`*a${i - 1},`.repeat(9)}]`).slice(1)
    expect(problemsOf(yaml(`a0: &a0 [x,x,x,x,x,x,x,x,x]\n${bomb.join('\n')}`))).toBe(
      'CARILLON_CONFIG: carillon.yaml has aliases that cannot be resolved, or too many of them',
    )
  })

  test('must be a mapping', () => {
    expect(problemsOf(yaml('- hunter2'))).toBe('carillon.yaml: must be a mapping of keys like providers: …')
  })
})

describe('between the log and the store', () => {
  const CARILLON_STORE = 'mongodb://user:hunter2@db/carillon'

  test('a file cannot be half of what keeps everything in one', () => {
    const problem =
      'CARILLON_STORE: mongodb:// goes with a log on Kafka; without one everything is in one file, records too: set CARILLON_LOG to kafka://host:port, or leave CARILLON_STORE out'
    expect(problemsOf({ CARILLON_STORE })).toBe(problem)
    expect(problemsOf({ CARILLON_STORE, CARILLON_LOG: 'sqlite:' })).toBe(problem)
  })

  test('every other pair can be used', () => {
    const CARILLON_LOG = 'kafka://a:9092,b.c:65535'
    expect([problemsOf({ CARILLON_LOG, CARILLON_STORE }), problemsOf({ CARILLON_LOG })]).toEqual(['', ''])
    const { log, store } = loadConfig({ CARILLON_LOG, CARILLON_STORE })
    expect({ log, store }).toEqual({
      log: { kind: 'kafka', brokers: ['a:9092', 'b.c:65535'] },
      store: { kind: 'mongodb', url: CARILLON_STORE },
    })
  })

  test('a log that is not understood is told alone', () => {
    expect(problemsOf({ CARILLON_STORE, CARILLON_LOG: 'kafka://hunter2' })).toBe(
      'CARILLON_LOG: must be sqlite: or kafka://host:port,host:port',
    )
  })
})

test('a name is suggested only when it is close', () => {
  const known = ['timeoutMs', 'concurrency', 'url']
  expect(['timeout_ms', 'TimeoutMS', 'concurency', 'urls', 'frobnicate'].map((name) => nearest(name, known))).toEqual([
    ...['timeoutMs', 'timeoutMs', 'concurrency', 'url', undefined],
  ])
})
