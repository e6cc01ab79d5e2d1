import { describeLog } from '../engine/log-conformance.js'
import { openSqliteLog } from './log-under-test.js'

describeLog('sqlite', openSqliteLog, { members: false, durable: true })
