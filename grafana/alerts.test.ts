/** Alerts of a real Prometheus about processes on a real broker, with rules twelve times as quick as in earnest. */
import { isDeepStrictEqual } from 'node:util'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { stageNames } from '../stages/stage.js'
import { hastened, hastenedRules } from '../testing/grafana/hastened-rules-under-test.js'
import {
  type PrometheusPrograms,
  type PrometheusUnderTest,
  prometheusHere,
  prometheusUnderTest,
  type ScrapedJob,
} from '../testing/grafana/prometheus-under-test.js'
import { brokerAddress } from '../testing/logs/kafka/log-under-test.js'
import type { ProcessUnderTest } from '../testing/process-under-test.js'
import { carillonUnderTest } from '../testing/run/kafka/carillon-under-test.js'
import { until } from '../testing/until.js'

vi.setConfig({ testTimeout: 300_000 })

const haste = 12
const sendEveryMs = 250
const broker = await brokerAddress()
const { programs, missing } = prometheusHere()
if (broker.address === null) test.skip(`alerts about processes on Kafka: ${broker.missing}`, () => undefined)
else if (!programs) test.skip(`alerts about processes on Kafka: ${missing}`, () => undefined)
else describeAlerts(broker.address, programs)

test('hastened rules have shorter times and the same thresholds', () => {
  const rule = 'interval: 30s\nexpr: deriv(a[10m] offset 1h) > 60 # 5m\nfor: 1d'
  expect(hastened(rule, 12)).toBe('interval: 2500ms\nexpr: deriv(a[50000ms] offset 300000ms) > 60 # 5m\nfor: 7200000ms')
})

function describeAlerts(address: string, found: PrometheusPrograms): void {
  const closing: (() => unknown)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  describe('alerts about processes on Kafka', () => {
    test('a stage that is killed is told, by name and nothing else, and no more once it runs again', async () => {
      const carillon = await carillonUnderTest({ broker: address, settings: { lag: { everyMs: 1000 } } })
      closing.push(carillon.close)
      const processes = new Map(await carillon.runAll())
      const start = async (name: string, command: readonly string[]) => {
        const started = carillon.run(command)
        processes.set(name, started)
        await carillon.ready(started)
      }
      await start('lag-exporter', ['lag-exporter'])
      closing.push(await traffic(processes))
      const { files: ruleFiles, remove } = hastenedRules(['lag', 'stages', 'processes'], haste)
      closing.push(remove)
      const prometheus = await prometheusUnderTest(found, { jobs: await jobsOf(processes), ruleFiles })
      closing.push(prometheus.close)
      const members = async () => (await prometheus.query('carillon_group_members == 1')).length
      const told = async () => isDeepStrictEqual(await firing(prometheus), killed)
      const killed = ['HighPriorityWaits route', 'ScrapeDown', 'StageStalled route', 'StageWithoutMembers route']

      // The stages, and the two workers within the ingress.
      await until(
        async () => (await members()) === stageNames.length + 2,
        () => prometheus.log(),
      )
      // At a twelfth of the times, processes that start slowly may be told for a moment.
      await until(
        async () => (await firing(prometheus)).length === 0,
        () => `no alert: ${prometheus.log()}`,
      )

      await processes.get('route')?.end('SIGKILL')
      await until(told, () => `${killed}: ${prometheus.log()}`)

      await start('route', ['stage', 'route'])
      await prometheus.reload({ jobs: await jobsOf(processes), ruleFiles })
      await until(
        async () => (await firing(prometheus)).length === 0,
        () => `no alert: ${processes.get('route')?.log()}`,
      )
    })
  })
}

/** Notifications of high priority without end; returns what ends them. */
async function traffic(processes: ReadonlyMap<string, ProcessUnderTest>): Promise<() => void> {
  const ingress = await processes.get('ingress')?.address
  const body = JSON.stringify({ to: 'user-1', priority: 'high', content: { body: 'Hello.' } })
  const headers = { 'content-type': 'application/json' }
  const timer = setInterval(() => {
    // What it is answered is not looked at here.
    void fetch(`${ingress}/v1/notifications`, { method: 'POST', headers, body }).catch(() => undefined)
  }, sendEveryMs)
  return () => clearInterval(timer)
}

/** As prometheus.yml names them. */
async function jobsOf(processes: ReadonlyMap<string, ProcessUnderTest>): Promise<readonly ScrapedJob[]> {
  const targets = async (names: readonly string[]) =>
    Promise.all(names.map(async (name) => new URL((await processes.get(name)?.address) ?? '').host))
  return [
    { job: 'carillon-ingress', targets: await targets(['ingress']) },
    { job: 'carillon-stages', targets: await targets(stageNames) },
    { job: 'carillon-lag', targets: await targets(['lag-exporter']) },
  ]
}

/** Each alert by its name and stage. */
async function firing(prometheus: PrometheusUnderTest): Promise<readonly string[]> {
  const alerts = await prometheus.alerts()
  return alerts
    .filter(({ state }) => state === 'firing')
    .map(({ labels: { alertname, stage } }) => [alertname, stage].filter((part) => part !== undefined).join(' '))
    .sort()
}
