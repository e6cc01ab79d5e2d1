/** Logs of several processes on the same topics, each with its own folder. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  accepted,
  collect,
  forward,
  joinAlone,
  ownedBy,
  positionsAfter,
  readerLag,
  requests,
} from '../../../testing/engine/log-under-test.js'
import { brokerAddress, kafkaLogsAt } from '../../../testing/logs/kafka/log-under-test.js'
import { Fenced } from '../../engine/log.js'
import { openKafkaLog } from './log.js'
import type { KafkaLogOptions } from './log-options.js'

const broker = await brokerAddress()
if (broker.address === null) test.skip(`several Kafka logs: ${broker.missing}`, () => undefined)
else describeSharing(broker.address)

function describeSharing(address: string): void {
  const open = kafkaLogsAt(address)

  test('of two processes with one slot the older is fenced, says so, and commits nothing', async () => {
    const opened = await open({ partitions: 4, revokeTimeoutMs: 5000 })
    const older = await another(opened.options, { slot: '0' })
    const newer = await another(opened.options, { slot: '0' })
    await opened.log.append(requests('high', 20))
    const first = await joinAlone({ ...opened, log: older.log })
    const polled = await collect(opened, first, 20)
    const second = await newer.log.join({ group: 'dedupe', topics: polled.map(({ topic }) => topic).slice(0, 1) })
    const late = first.commit({
      outputs: polled.map(accepted),
      changes: [],
      positions: positionsAfter(polled),
      durable: false,
    })
    await expect(late).rejects.toThrow(Fenced)
    await opened.until(() => ownedBy(second).length === 4)
    expect(await readerLag(opened)).toBe(20)
    await older.close()
    await newer.close()
    await opened.close()
  })

  test('a member that comes back to its slot has its partitions again, and only what was not committed', async () => {
    const opened = await open({ partitions: 4, revokeTimeoutMs: 5000 })
    const process = await another(opened.options, { slot: '0' })
    await opened.log.append(requests('high', 20, 1))
    const member = await joinAlone({ ...opened, log: process.log })
    await forward(member, await collect(opened, member, 12))
    await member.leave()
    const again = await joinAlone({ ...opened, log: process.log })
    const rest = await collect(opened, again, 8)
    expect(rest.map(({ offset }) => offset)).toEqual([12, 13, 14, 15, 16, 17, 18, 19])
    await process.close()
    await opened.close()
  })

  test.each([[['dedupe']], [[]]])(
    'another process hears of settlements, and knows the counts (watched groups: %j)',
    async (watchedGroups) => {
      const opened = await open({ partitions: 4, revokeTimeoutMs: 5000 })
      const worker = await another(opened.options, { watchedGroups })
      const watcher = await another(opened.options, { watchedGroups })
      await opened.log.append(requests('high', 10, 1))
      const member = await joinAlone({ ...opened, log: worker.log })
      const polled = await collect(opened, member, 10)
      const [place] = positionsAfter(polled)
      if (!place) throw new Error('Ten records have a place')
      const known = (): number[] => [watcher.log.acked('dedupe', place), watcher.log.unacked('dedupe', place)]
      let heard = 0
      known()
      const subscription = watcher.log.acks('dedupe').subscribe(() => heard++)
      await forward(member, polled.slice(0, 4))
      await opened.until(() => heard > 0 && known().join() === '4,6')
      await forward(member, polled)
      await opened.until(() => known().join() === '10,0')
      subscription.unsubscribe()
      await worker.close()
      await watcher.close()
      await opened.close()
    },
  )

  async function another(options: KafkaLogOptions, more: Partial<KafkaLogOptions>) {
    const stateFolder = mkdtempSync(join(tmpdir(), 'carillon-state-'))
    const log = await openKafkaLog({ ...options, ...more, stateFolder })
    return {
      log,
      close: async () => {
        await log.close()
        rmSync(stateFolder, { recursive: true })
      },
    }
  }
}
