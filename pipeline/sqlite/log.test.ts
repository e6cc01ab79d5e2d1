import { expect, test } from 'vitest'
import { describeLog } from '../engine/log-conformance.js'
import { accepted, collect, joinAlone, positionsAfter, readerLag, requests, wayOf } from '../engine/log-under-test.js'
import { openSqliteLog } from './log-under-test.js'

describeLog('sqlite', openSqliteLog, { members: false, durable: true })

test('when the last write of a commit fails, its first ones are undone too', async () => {
  const opened = await openSqliteLog({ partitions: 4, revokeTimeoutMs: 1000 })
  await opened.log.append(requests('high', 20))
  const member = await joinAlone(opened)
  const polled = await collect(opened, member, 20)
  const outputs = polled.map(accepted)
  opened.database.exec(`CREATE TEMP TRIGGER fails BEFORE INSERT ON log_positions
    BEGIN SELECT RAISE(ABORT, 'as the test wants it'); END`)
  const commit = { outputs, changes: [], positions: positionsAfter(polled), durable: false }
  await expect(member.commit(commit)).rejects.toThrow('as the test wants it')
  opened.database.exec('DROP TRIGGER fails')
  const lag = await opened.log.lag('enrich-template', [wayOf('notifications.accepted', 'high')])
  expect([await readerLag(opened), lag.map(({ records }) => records)]).toEqual([20, [0, 0, 0, 0]])
  await opened.close()
})
