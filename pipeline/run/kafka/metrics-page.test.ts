/** The pages of processes on a real broker. */
import { afterEach, describe, expect, test } from 'vitest'
import { stageNames } from '../../../stages/stage.js'
import { brokerAddress } from '../../../testing/logs/kafka/log-under-test.js'
import {
  countedOfMixedRun,
  countedOn,
  type MixedProvider,
  missingOn,
  mixedProvider,
  pageAfterMixedRun,
} from '../../../testing/observe/metrics/mixed-run-under-test.js'
import { linesOf } from '../../../testing/observe/metrics/samples-under-test.js'
import { type CarillonUnderTest, carillonUnderTest } from '../../../testing/run/kafka/carillon-under-test.js'
import { until } from '../../../testing/until.js'
import { carillonVersion } from '../../config/version.js'

const broker = await brokerAddress()
if (broker.address === null) test.skip(`pages of processes on Kafka: ${broker.missing}`, () => undefined)
else describePages(broker.address)

function describePages(address: string): void {
  let carillon: CarillonUnderTest
  let provider: MixedProvider
  afterEach(async () => {
    await carillon.close()
    provider.close()
  })

  describe('pages of processes on Kafka', () => {
    test('that of all in one process tells every metric of the pipeline after a mixed run', async () => {
      provider = await mixedProvider()
      carillon = await carillonUnderTest({ broker: address, settings: provider.settings })
      const started = carillon.run(['start', '--create-topics'])
      await carillon.ready(started)
      const page = await pageAfterMixedRun(await started.address)
      expect(countedOn(page)).toEqual(countedOfMixedRun)
      await started.end('SIGTERM')
      // Its state is read again from the changelogs.
      const second = carillon.run(['start'], { CARILLON_DATA: carillon.otherFolder })
      await carillon.ready(second)
      const ofSecond = await second.address
      let after = ''
      await until(
        async () => {
          after = await (await fetch(`${ofSecond}/metrics`)).text()
          return /^carillon_restore_records\{/m.test(after)
        },
        () => second.log(),
      )
      expect(missingOn(`${page}\n${after}`)).toEqual([])
      const running = linesOf(page).filter((line) => /^carillon_(build_info|stage_running)\b/.test(line))
      expect(running).toEqual([
        ...['intake', 'dead-letters', ...stageNames].map((stage) => `carillon_stage_running{stage="${stage}"} 1`),
        `carillon_build_info{version="${carillonVersion()}",engine="kafka",role="all"} 1`,
      ])
    })

    test('that of a stage says that it does not run yet while its topics are missing', async () => {
      provider = await mixedProvider()
      carillon = await carillonUnderTest({ broker: address })
      const stage = carillon.run(['stage', 'route'])
      const page = await (await fetch(`${await stage.address}/metrics`)).text()
      const told = linesOf(page).filter((line) => /^carillon_(build_info|stage_)/.test(line))
      expect(told).toEqual([
        'carillon_stage_running{stage="route"} 0',
        `carillon_build_info{version="${carillonVersion()}",engine="kafka",role="route"} 1`,
      ])
    })
  })
}
