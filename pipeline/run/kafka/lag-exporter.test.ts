import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { topicOf } from '../../../schemas/streams.js'
import { type LagUnderTest, lagUnderTest } from '../../../testing/logs/kafka/lag-reader-under-test.js'
import { brokerAddress } from '../../../testing/logs/kafka/log-under-test.js'
import { loadConfig } from '../../config/config.js'
import { startLagExporter } from './lag-exporter.js'

const folder = mkdtempSync(join(tmpdir(), 'carillon-lag-exporter-'))
afterAll(() => rmSync(folder, { recursive: true }))
const patience = { timeout: 150_000, interval: 50 }

function configOf(address: string, kafka: object) {
  const file = join(folder, 'carillon.yaml')
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ kafka: { partitions: 1, ...kafka }, lag: { everyMs: 1000 } }))
  return loadConfig({
    ...{ CARILLON_LOG: `kafka://${address}`, CARILLON_CONFIG: file, CARILLON_OPS_PORT: '0' },
    CARILLON_LOG_LEVEL: 'silent',
  })
}

async function ask(address: string, path: string) {
  const answer = await fetch(`${address}${path}`)
  return { status: answer.status, text: await answer.text() }
}

test('without Kafka it does not start, and says what there is instead', async () => {
  await expect(startLagExporter(loadConfig({}))).rejects.toMatchObject({ code: 'kafka-not-configured' })
})

test('while no broker answers it listens, lives and is not ready', async () => {
  const exporter = await startLagExporter(configOf('127.0.0.1:1', {}))
  await vi.waitUntil(async () => (await ask(exporter.address, '/health/ready')).text.includes('broker'), patience)
  const { status, text } = await ask(exporter.address, '/health/ready')
  expect([status, text]).toEqual([503, expect.stringContaining('The lag cannot be told: No Kafka broker answers.')])
  expect((await ask(exporter.address, '/health/live')).status).toBe(200)
  expect((await ask(exporter.address, '/metrics')).text).not.toContain('kafka_consumergroup_group_sum_lag{')
  await exporter.close()
})

const broker = await brokerAddress()
if (broker.address === null) test.skip(`the exporter on Kafka: ${broker.missing}`, () => undefined)
else describeExporter(broker.address)

function describeExporter(address: string): void {
  test('it tells the lag of every group while no stage runs', async () => {
    const opened: LagUnderTest = await lagUnderTest(address)
    await opened.write(topicOf('deliveries.released', 'high', 'sms'), [Date.now(), Date.now()])
    const exporter = await startLagExporter(configOf(address, { prefix: opened.prefix }))
    try {
      await vi.waitUntil(async () => (await ask(exporter.address, '/health/ready')).status === 200, patience)
      const { text } = await ask(exporter.address, '/metrics')
      const cluster = `cluster_name="${opened.prefix.slice(0, -1)}"`
      const sums = text.split('\n').filter((line) => line.startsWith('kafka_consumergroup_group_sum_lag{'))
      const lags = { deliver: 3 } as Readonly<Record<string, number>>
      const stages = ['intake', 'dedupe', 'enrich-template', 'route', 'throttle', 'deliver', 'record', 'dead-letters']
      expect(sums).toEqual(
        stages.map((stage) => {
          const group = `${opened.prefix}carillon.${stage}`
          return `kafka_consumergroup_group_sum_lag{${cluster},group="${group}",stage="${stage}"} ${lags[stage] ?? 0}`
        }),
      )
      expect(text).toContain('carillon_group_members{stage="deliver"} 0')
    } finally {
      await exporter.close()
      await opened.close()
    }
  })
}
