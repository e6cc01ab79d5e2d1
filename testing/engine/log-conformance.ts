/** The contract of a log, in tests. Every log passes the same ones; what only some can do is declared. */
import { afterEach, describe } from 'vitest'
import { describeGroups } from './log-conformance-groups.js'
import { describeMembers } from './log-conformance-members.js'
import { describeRecords } from './log-conformance-records.js'
import { describeTransactions } from './log-conformance-transactions.js'
import type { LogFeatures, LogUnderTest, OpenLog } from './log-under-test.js'

const partitions = 4
/** Longer than any test lets pass, so that what is held is held by the test. */
const revokeTimeoutMs = 60_000

/** Describes a log to vitest. `open` gives each test an empty one. */
export function describeLog(name: string, open: OpenLog, features: LogFeatures): void {
  const opened: LogUnderTest[] = []
  const openOne: OpenLog = async (options) => {
    const test = await open(options)
    opened.push(test)
    return test
  }
  const openUsual = () => openOne({ partitions, revokeTimeoutMs })

  describe(`${name} log`, () => {
    afterEach(async () => {
      for (const test of opened.splice(0)) await test.close()
    })
    describe('records', () => describeRecords(openUsual))
    describe('transactions', () => describeTransactions(openUsual, features))
    describe('groups', () => describeGroups(openUsual))
    if (features.members) describe('members', () => describeMembers(openOne))
  })
}
