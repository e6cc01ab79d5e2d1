/** Several processes on one log, while records flow: what each test counts is the topic that they write. */
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { joinAlone } from '../../../testing/engine/log-under-test.js'
import { idsOf, notificationRecords, watchResults } from '../../../testing/engine/worker-under-test.js'
import { startBroker } from '../../../testing/logs/kafka/broker-under-test.js'
import { type Forwarder, forwardersOn } from '../../../testing/logs/kafka/forwarder-under-test.js'
import { brokerAddress, kafkaLogsAt } from '../../../testing/logs/kafka/log-under-test.js'
import type { KafkaLogOptions } from './log-options.js'

// They wait more than they work.
vi.setConfig({ maxConcurrency: 3 })

const partitions = 4
const sessionTimeoutMs = 3000
const broker = await brokerAddress()
if (broker.address === null) test.skip(`processes on Kafka: ${broker.missing}`, () => undefined)
else describeProcesses(broker.address)

function describeProcesses(address: string): void {
  test.concurrent('members come and go while records flow, and each record is forwarded once', async () => {
    const { opened, forwarders, once, flow, close } = await openAll(address)
    const first = forwarders.start()
    await flow(2000)
    const others = [forwarders.start(), forwarders.start(), forwarders.start()]
    const all = [first, ...others]
    await opened.until(() => all.every((forwarder) => forwarder.owned().length === 1))
    await flow(2000)
    const codes = await Promise.all(others.slice(1).map((forwarder) => forwarder.end('SIGTERM')))
    await flow(2000)
    await opened.until(() => all.slice(0, 2).every((forwarder) => forwarder.owned().length === 2))
    expect([codes, await once(6000, all.slice(0, 2))]).toEqual([[0, 0], onceOf(6000, 2)])
    await close()
  })

  test.concurrent('a process that stood still while others took over commits nothing of what it held, and joins anew', async () => {
    const { opened, forwarders, results, once, flow, close } = await openAll(address)
    const zombie = forwarders.start()
    const heir = forwarders.start()
    await opened.until(() => zombie.owned().length === 2 && heir.owned().length === 2)
    const flowing = flow(3000)
    await opened.until(() => zombie.acked() > 300)
    zombie.signal('SIGSTOP')
    await flowing
    await opened.until(() => heir.owned().length === partitions)
    await results(3000)
    zombie.signal('SIGCONT')
    await flow(1000)
    await opened.until(() => zombie.owned().length === 2 && heir.owned().length === 2)
    expect([heir.crashes, await once(4000, [zombie, heir])]).toEqual([[], onceOf(4000, 2)])
    await close()
  })

  test.concurrent.each([[{ slot: '7' }], [{}]])(
    'a process that was killed is followed by another: %j',
    async (more) => {
      const { opened, forwarders, once, flow, close } = await openAll(address)
      const stateFolder = join(opened.options.stateFolder, 'of the forwarder')
      const first = forwarders.start({ ...more, stateFolder })
      const flowing = flow(2000)
      await opened.until(() => first.acked() > 500)
      await first.end('SIGKILL')
      const second = forwarders.start({ ...more, stateFolder })
      await flowing
      expect(await once(2000, [second])).toEqual(onceOf(2000, 1))
      await close()
    },
  )

  test.concurrent('of two processes with one slot the older one hears of it, and the newer one works on', async () => {
    const { opened, forwarders, once, flow, close } = await openAll(address)
    const older = forwarders.start({ slot: '0' })
    await flow(100)
    await opened.until(() => older.acked() === 100)
    const newer = forwarders.start({ slot: '0' })
    await opened.until(() => older.unusable() === 'slot-taken')
    await flow(100)
    expect([newer.unusable(), await once(200, [newer])]).toEqual([null, onceOf(200, 1)])
    await close()
  })

  test.concurrent('a broker that crashes, and one that is restarted, cost no record and double none', {
    skip: process.env.CARILLON_TEST_KAFKA !== undefined,
  }, async () => {
    const own = await startBroker(join(import.meta.dirname, '..', '..', '..', '..'))
    const { opened, forwarders, once, flow, close } = await openAll(own.address)
    const pair = [forwarders.start(), forwarders.start()]
    await opened.until(() => pair.every((forwarder) => forwarder.owned().length === 2))
    await flow(6000)
    await own.restart('SIGKILL')
    await opened.until(() => pair.reduce((sum, forwarder) => sum + forwarder.acked(), 0) > 3000)
    await own.restart('SIGTERM')
    expect(await once(6000, pair)).toEqual(onceOf(6000, 2))
    await close()
    await own.stop()
  })
}

/** Topics of their own, with what comes out of them; `flow` appends that many more records, in small portions. */
async function openAll(address: string) {
  const opened = await kafkaLogsAt(address)({ partitions, revokeTimeoutMs: 10_000 })
  const { prefix, connection } = opened.options
  const options: KafkaLogOptions = { connection, partitions, prefix: prefix ?? '', sessionTimeoutMs, stateFolder: '' }
  const forwarders = forwardersOn(options)
  const { accepted } = watchResults(opened)
  const results = async (count: number): Promise<readonly string[]> => {
    await opened.until(() => accepted.length >= count)
    return sorted(accepted)
  }
  let appended = 0
  return {
    opened,
    forwarders,
    async flow(count: number): Promise<void> {
      for (const end = appended + count; appended < end; ) {
        const portion = Math.min(50, end - appended)
        await opened.log.append(notificationRecords(portion, appended))
        appended += portion
      }
    },
    results,
    /** Ends the others, and asks a member that has no files yet what is in the state; then looks again at what came out. */
    async once(count: number, others: readonly Forwarder[]): Promise<Outcome> {
      await results(count)
      const codes = await Promise.all(others.map((forwarder) => forwarder.end('SIGTERM')))
      const member = await joinAlone(opened)
      const keys = Array.from({ length: partitions }, (_, partition) =>
        member.range({ lane: 'normal', partition }, '', '\u007f', count + 1).map(({ key }) => key),
      )
      return { codes, state: sorted(keys.flat()), forwarded: sorted(accepted) }
    },
    async close(): Promise<void> {
      await forwarders.close()
      await opened.close()
    },
  }
}

function sorted(ids: readonly string[]): readonly string[] {
  return [...ids].sort()
}

/** Each record once, in the topic and in the state, by processes that ended well. */
function onceOf(count: number, processes: number): Outcome {
  return { codes: Array(processes).fill(0), state: idsOf(count), forwarded: idsOf(count) }
}

interface Outcome {
  readonly codes: readonly unknown[]
  readonly state: readonly string[]
  readonly forwarded: readonly string[]
}
