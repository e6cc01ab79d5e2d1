/** A real Prometheus and promtool for tests: on a free port, with its data in a folder of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { stringify } from 'yaml'
import { z } from 'zod'
import { type FoundPrograms, programsOf } from '../debian-package-under-test.js'
import { until } from '../until.js'
import { root } from './compose-under-test.js'

export type PrometheusPrograms = NonNullable<FoundPrograms<'prometheus' | 'promtool'>['programs']>

/** Of every answer of its API. */
const answerTimeoutMs = 10_000
/** It flushes its memory before it ends. */
const endTimeoutMs = 15_000

/** A job of scraped processes. */
export interface ScrapedJob {
  readonly job: string
  /** host:port of each, or several with labels of their own. */
  readonly targets: readonly (string | { readonly target: string; readonly labels: Readonly<Record<string, string>> })[]
  /** The bearer key, where one is needed. */
  readonly key?: string
}

export interface PrometheusSetUp {
  readonly jobs: readonly ScrapedJob[]
  /** Absolute paths; patterns are allowed. */
  readonly ruleFiles?: readonly string[]
  /** How often it scrapes, and evaluates rules that do not say. 1 unless said. */
  readonly everySeconds?: number
}

const numbers = z.tuple([z.number(), z.string().transform(numberOf)])
const labels = z.record(z.string(), z.string())
const sample = z.object({ metric: labels, value: numbers })
const series = z.object({ metric: labels, values: z.array(numbers) })
const alert = z.object({
  labels,
  annotations: labels,
  state: z.enum(['pending', 'firing']),
  activeAt: z.string(),
})
const rule = z.looseObject({
  name: z.string(),
  type: z.enum(['alerting', 'recording']),
  query: z.string(),
  health: z.string(),
  lastError: z.string().optional(),
})
const target = z.looseObject({ labels, health: z.string(), lastError: z.string() })

/** One series, at one time: [seconds since the epoch, value]. */
export type PrometheusSample = z.infer<typeof sample>
export type PrometheusSeries = z.infer<typeof series>
export type PrometheusAlert = z.infer<typeof alert>
export type PrometheusRule = z.infer<typeof rule>
export type PrometheusTarget = z.infer<typeof target>

export interface PrometheusUnderTest {
  readonly address: string
  /** Of an instant query of a vector, now or at `at` (seconds since the epoch). Rejects with what Prometheus says. */
  query(expression: string, at?: number): Promise<readonly PrometheusSample[]>
  /** `from`, `to`, `step`: seconds. */
  queryRange(
    expression: string,
    over: { readonly from: number; readonly to: number; readonly step: number },
  ): Promise<readonly PrometheusSeries[]>
  /** Pending and firing. */
  alerts(): Promise<readonly PrometheusAlert[]>
  rules(): Promise<readonly PrometheusRule[]>
  targets(): Promise<readonly PrometheusTarget[]>
  /** Goes on with other jobs or rules; resolves when it has taken them. */
  reload(setUp: PrometheusSetUp): Promise<void>
  log(): string
  /** Ends it and removes its folder. */
  close(): Promise<void>
}

/** Both programs, or why tests must do without them. Throws then in continuous integration. */
export function prometheusHere(): FoundPrograms<'prometheus' | 'promtool'> {
  return programsOf(root, {
    name: 'prometheus',
    programs: { prometheus: 'usr/bin/prometheus', promtool: 'usr/bin/promtool' },
    versionArgument: '--version',
  })
}

/** Runs promtool to its end; what it wrote to both streams, in that order. */
export function runPromtool({ promtool }: PrometheusPrograms, args: readonly string[], cwd = root) {
  const env = { ...process.env, ...promtool.environment }
  const { status, stdout, stderr } = spawnSync(promtool.command, args, { cwd, env, encoding: 'utf8' })
  return { status, output: `${stdout}${stderr}` }
}

/** Resolves when it is ready. */
export async function prometheusUnderTest(
  { prometheus: { command, environment } }: PrometheusPrograms,
  setUp: PrometheusSetUp,
): Promise<PrometheusUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-prometheus-'))
  writeConfiguration(folder, setUp)
  const args = [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    '--web.listen-address=127.0.0.1:0',
    '--web.enable-lifecycle',
  ]
  const child = spawn(command, args, { env: { ...process.env, ...environment } })
  const lines = linesOf(child)
  const log = () => lines.join('\n')
  const ended = once(child, 'exit')
  const close = async () => {
    const timer = setTimeout(() => child.kill('SIGKILL'), endTimeoutMs)
    child.kill('SIGTERM')
    await ended
    clearTimeout(timer)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const address = await addressIn(child, lines)
    const isReady = async () => (await fetch(`${address}/-/ready`).catch(() => null))?.ok === true
    await until(isReady, () => `a Prometheus that is ready: ${log()}`)
    return { address, ...questions(address), reload: (next) => reload(address, folder, next), log, close }
  } catch (error) {
    await close()
    throw error
  }
}

function questions(address: string) {
  async function ask<T>(path: string, data: z.ZodType<T>, parameters: Record<string, string> = {}): Promise<T> {
    const url = `${address}/api/v1/${path}?${new URLSearchParams(parameters)}`
    const answer = await fetch(url, { signal: AbortSignal.timeout(answerTimeoutMs) })
    const body = z.object({ error: z.string().optional(), data: z.unknown().optional() }).parse(await answer.json())
    if (!answer.ok) throw new Error(`${path} ${parameters.query ?? ''}: ${body.error}`)
    return data.parse(body.data)
  }
  return {
    query: async (query: string, at?: number) =>
      (await ask('query', resultOf(sample), { query, ...(at !== undefined && { time: String(at) }) })).result,
    queryRange: async (query: string, { from, to, step }: { from: number; to: number; step: number }) =>
      (
        await ask('query_range', resultOf(series), {
          query,
          start: String(from),
          end: String(to),
          step: String(step),
        })
      ).result,
    alerts: async () => (await ask('alerts', z.object({ alerts: z.array(alert) }))).alerts,
    rules: async () => {
      const groups = z.object({ groups: z.array(z.object({ rules: z.array(rule) })) })
      return (await ask('rules', groups)).groups.flatMap(({ rules }) => rules)
    },
    targets: async () => (await ask('targets', z.object({ activeTargets: z.array(target) }))).activeTargets,
  }
}

function resultOf<T extends z.ZodType>(one: T) {
  return z.object({ result: z.array(one) })
}

async function reload(address: string, folder: string, setUp: PrometheusSetUp): Promise<void> {
  writeConfiguration(folder, setUp)
  const answer = await fetch(`${address}/-/reload`, { method: 'POST' })
  if (!answer.ok) throw new Error(await answer.text())
}

function writeConfiguration(folder: string, { jobs, ruleFiles = [], everySeconds = 1 }: PrometheusSetUp): void {
  const every = `${everySeconds}s`
  const configuration = {
    global: { scrape_interval: every, scrape_timeout: every, evaluation_interval: every },
    rule_files: ruleFiles,
    scrape_configs: jobs.map(({ job, targets, key }) => ({
      job_name: job,
      ...(key !== undefined && { authorization: { credentials: key } }),
      static_configs: targets.map((one) =>
        typeof one === 'string' ? { targets: [one] } : { targets: [one.target], labels: one.labels },
      ),
    })),
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'prometheus.yml'), stringify(configuration))
}

function addressIn(child: ChildProcess, lines: readonly string[]): Promise<string> {
  const found = () => lines.map((line) => /"Listening on" address=(\S+)/.exec(line)?.[1]).find((one) => one)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`Prometheus ended with ${code}: ${lines.join('\n')}`)))
    until(
      () => found() !== undefined,
      () => `the address of Prometheus: ${lines.join('\n')}`,
    ).then(() => resolve(`http://${found()}`), reject)
  })
}

/** Lines of both streams as they come; the newest 1,000. */
function linesOf(child: ChildProcess): readonly string[] {
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue
    createInterface(stream).on('line', (line) => {
      lines.push(line)
      if (lines.length > 1000) lines.shift()
    })
  }
  return lines
}

/** Prometheus writes +Inf, -Inf and NaN as such. */
function numberOf(text: string): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY
  return text === '-Inf' ? Number.NEGATIVE_INFINITY : Number(text)
}
