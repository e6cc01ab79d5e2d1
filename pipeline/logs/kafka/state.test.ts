/** State that comes back: from local files, from the changelog, or from both. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Scope, StateChange } from '../../../stages/stage.js'
import { joinAlone, textOf } from '../../../testing/engine/log-under-test.js'
import { brokerAddress, type KafkaLogUnderTest, kafkaLogsAt } from '../../../testing/logs/kafka/log-under-test.js'
import type { Member, Transaction } from '../../engine/log.js'
import type { RestoreProgress } from './changelog.js'
import { openKafkaLog } from './log.js'
import { openScopeStore } from './scope-store.js'

const scope: Scope = { lane: 'high', partition: 2 }
const identity = 'notifications.requested null'

const broker = await brokerAddress()
if (broker.address === null) test.skip(`state on Kafka: ${broker.missing}`, () => undefined)
else describeState(broker.address)

function describeState(address: string): void {
  const open = kafkaLogsAt(address)

  test('a state whose files are lost is restored from the changelog, equal, and says how it goes', async () => {
    const opened = await open({ partitions: 4, revokeTimeoutMs: 5000 })
    const before = await fill(opened, 3000)
    await opened.log.close()
    rmSync(opened.options.stateFolder, { recursive: true })
    const told: RestoreProgress[] = []
    const log = await openKafkaLog({ ...opened.options, onRestore: (progress) => told.push(progress) })
    const member = await joinAlone({ ...opened, log })
    expect(entriesOf(member)).toEqual(before)
    expect(told.at(-1)).toEqual({ group: 'dedupe', records: 3300, perSecond: expect.any(Number), leftMs: 0 })
    await log.close()
    await opened.close()
  })

  test('files that were closed well are not restored at all', async () => {
    const opened = await open({ partitions: 4, revokeTimeoutMs: 5000 })
    const before = await fill(opened, 100)
    await opened.log.close()
    const told: RestoreProgress[] = []
    const log = await openKafkaLog({ ...opened.options, onRestore: (progress) => told.push(progress) })
    const member = await joinAlone({ ...opened, log })
    // The mark that ends the last transaction may come after the stores were marked: it is passed, and holds nothing.
    expect([entriesOf(member), told.filter(({ records }) => records > 0)]).toEqual([before, []])
    await log.close()
    await opened.close()
  })

  test.each([
    ['whose offset lies past the end of the changelog', { offset: 1_000_000, atMs: Date.now() }],
    ['that is older than what the changelog keeps of deletions', { offset: 5, atMs: Date.now() - 86_400_000 }],
  ])('a store %s is thrown away and rebuilt', async (_, mark) => {
    const opened = await open({ partitions: 4, revokeTimeoutMs: 5000 })
    const before = await fill(opened, 50)
    await opened.log.close()
    const store = openScopeStore(storeFile(opened), identity)
    expect(store.get('deleted 0')).toBeUndefined()
    store.apply([{ key: 'deleted 0', value: Buffer.from('a ghost'), expiresAtMs: null }], mark)
    store.close()
    const log = await openKafkaLog(opened.options)
    const member = await joinAlone({ ...opened, log })
    expect(entriesOf(member)).toEqual(before)
    await log.close()
    await opened.close()
  })

  test('what has expired is forgotten, in the store and in the changelog', async () => {
    const opened = await open({ partitions: 4, revokeTimeoutMs: 5000 })
    const member = await joinAlone(opened)
    const expiring = { scope, key: 'short', value: Buffer.from('x'), expiresAtMs: Date.now() + 50 }
    await member.commit(stateOnly([expiring, put('long')]))
    await opened.until(() => member.get(scope, 'short') === undefined)
    await opened.log.close()
    rmSync(opened.options.stateFolder, { recursive: true })
    const log = await openKafkaLog(opened.options)
    expect(entriesOf(await joinAlone({ ...opened, log }))).toEqual(['long=long'])
    await log.close()
    await opened.close()
  })

  /** Puts entries, changes and deletes some, in the scope of the tests. */
  async function fill(opened: KafkaLogUnderTest, count: number): Promise<string[]> {
    const member = await joinAlone(opened)
    const numbers = Array.from({ length: count }, (_, number) => number)
    await member.commit(stateOnly(numbers.map((number) => put(`key ${number}`))))
    const tenth = numbers.filter((number) => number % 10 === 0)
    const changes = tenth.map((number) =>
      number % 20 === 0 ? put(`key ${number}`, 'changed') : { ...put(`key ${number}`), value: null },
    )
    await member.commit(stateOnly(changes))
    return entriesOf(member)
  }
}

function put(key: string, value = key): StateChange {
  return { scope, key, value: Buffer.from(value), expiresAtMs: null }
}

function stateOnly(changes: readonly StateChange[]): Transaction {
  return { outputs: [], changes, positions: [], durable: false }
}

function entriesOf(member: Member): string[] {
  return member.range(scope, '', '\u007f', 10_000).map((entry) => `${entry.key}=${textOf(entry)}`)
}

function storeFile({ options }: KafkaLogUnderTest): string {
  return join(options.stateFolder, 'dedupe', `${scope.lane}-${scope.partition}.db`)
}
