import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { loadConfig } from './config.js'
import { ConfigProblems } from './problems.js'

const folder = mkdtempSync(join(tmpdir(), 'carillon-tracing-'))
afterAll(() => rmSync(folder, { recursive: true }))

function load(yaml: string, variables: Record<string, string> = {}) {
  const file = join(folder, 'carillon.yaml')
  writeFileSync(file, yaml)
  return loadConfig({ CARILLON_CONFIG: file, ...variables }).tracing
}

function problemsOf(yaml: string, variables: Record<string, string> = {}): readonly string[] {
  try {
    load(yaml, variables)
    return []
  } catch (error) {
    if (error instanceof ConfigProblems) return error.problems
    throw error
  }
}

const base = 'http://collector:4318'
const usual = { url: `${base}/v1/traces`, headers: {}, sampleRatio: 0.01, serviceName: 'carillon' }

describe('tracing', () => {
  test('is off unless it is told where to', () => {
    expect([load(''), load('tracing: { sampleRatio: 1 }'), load('', { OTEL_SERVICE_NAME: 'mine' })]).toEqual([
      ...[null, null, null],
    ])
  })

  test.each([
    ['the file', `tracing: { endpoint: "${base}" }`, {}],
    ['the base of all signals', '', { OTEL_EXPORTER_OTLP_ENDPOINT: `${base}/` }],
    ['the whole address', '', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${base}/v1/traces` }],
    ['a variable before the file', 'tracing: { endpoint: "http://other" }', { OTEL_EXPORTER_OTLP_ENDPOINT: base }],
  ])('goes where it is told by %s', (_, yaml, variables) => {
    expect(load(yaml, variables)).toEqual(usual)
  })

  test('takes the rest from OpenTelemetry’s variables, and headers from the one that the file names', () => {
    const yaml = `tracing: { endpoint: "${base}/base", headersEnv: MY_HEADERS, sampleRatio: 0.5 }`
    const variables = {
      MY_HEADERS: 'Authorization=Basic%20c2VjcmV0,x-a=1',
      OTEL_EXPORTER_OTLP_HEADERS: 'x-a=2, x-b=with=sign',
      OTEL_SERVICE_NAME: 'mine',
      OTEL_TRACES_SAMPLER_ARG: '0.25',
    }
    expect(load(yaml, variables)).toEqual({
      url: `${base}/base/v1/traces`,
      headers: { authorization: 'Basic c2VjcmV0', 'x-a': '2', 'x-b': 'with=sign' },
      sampleRatio: 0.25,
      serviceName: 'mine',
    })
  })

  test('can be switched off as all of OpenTelemetry can', () => {
    expect(load(`tracing: { endpoint: "${base}" }`, { OTEL_SDK_DISABLED: 'true' })).toBe(null)
  })

  test('says what is wrong, and shows no header', () => {
    const problems = [
      problemsOf('tracing: { endpoint: "collector:4318" }'),
      problemsOf('tracing: { sampleRatio: 2 }'),
      problemsOf(`tracing: { endpoint: "${base}", headersEnv: MY_HEADERS }`, { MY_HEADERS: 'secret' }),
      problemsOf('', { OTEL_EXPORTER_OTLP_ENDPOINT: 'grpc://secret', OTEL_TRACES_SAMPLER_ARG: 'always' }),
      problemsOf('', { OTEL_EXPORTER_OTLP_HEADERS: 'secret' }),
    ]
    expect(problems).toEqual([
      [
        'tracing.endpoint in carillon.yaml: must be a URL like http://host or https://host, without a user or password in it',
      ],
      ['tracing.sampleRatio in carillon.yaml: must be a number from 0 to 1'],
      ['tracing.headersEnv in carillon.yaml: the variable MY_HEADERS must hold headers like name=value,name=value'],
      [
        'OTEL_EXPORTER_OTLP_ENDPOINT: must be a URL like http://host or https://host, without a user or password in it',
        'OTEL_TRACES_SAMPLER_ARG: must be a number from 0 to 1',
      ],
      ['OTEL_EXPORTER_OTLP_HEADERS: must be headers like name=value,name=value, their values percent-encoded'],
    ])
  })
})
