/** The page of a whole embedded Carillon: two threads that count, one page. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { stageNames } from '../../../stages/stage.js'
import {
  countedOfMixedRun,
  countedOn,
  type MixedProvider,
  missingOn,
  mixedProvider,
  pageAfterMixedRun,
} from '../../../testing/observe/metrics/mixed-run-under-test.js'
import { linesOf } from '../../../testing/observe/metrics/samples-under-test.js'
import { loadConfig } from '../../config/config.js'
import { carillonVersion } from '../../config/version.js'
import { stageMetrics } from '../../observe/metrics/pipeline-metrics.js'
import type { Running } from '../running.js'
import { start } from './start.js'

const folder = mkdtempSync(join(tmpdir(), 'carillon-metrics-'))
let provider: MixedProvider | null = null
let running: Running | null = null
afterEach(async () => {
  await running?.close()
  provider?.close()
  rmSync(folder, { recursive: true, force: true })
})

test('the page tells every metric of the pipeline after a mixed run, and adds up no gauge of two threads', async () => {
  provider = await mixedProvider()
  const file = join(folder, 'carillon.yaml')
  writeFileSync(file, stringify(provider.settings))
  const environment = { CARILLON_DATA: folder, CARILLON_PORT: '0', CARILLON_CONFIG: file, CARILLON_LOG_LEVEL: 'error' }
  running = await start(loadConfig(environment))
  const page = await pageAfterMixedRun(running.address)
  expect(countedOn(page)).toEqual(countedOfMixedRun)
  // The file is the state: nothing is restored.
  const { restored, restoreRate, restoreLeft } = stageMetrics
  expect(missingOn(page)).toEqual([restored, restoreRate, restoreLeft].map(({ name }) => name))
  const workers = [...stageNames, 'dead-letters']
  expect(linesOf(page).filter((line) => /^carillon_(build_info|stage_running|stage_partitions)\b/.test(line))).toEqual([
    ...workers.map((stage) => `carillon_stage_running{stage="${stage}"} 1`),
    ...workers.map((stage) => `carillon_stage_partitions{stage="${stage}"} 1`),
    `carillon_build_info{version="${carillonVersion()}",engine="embedded",role="all"} 1`,
  ])
})
