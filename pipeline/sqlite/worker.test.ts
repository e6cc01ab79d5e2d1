import { describeWorkers } from '../engine/worker-conformance.js'
import { openSqliteLog } from './log-under-test.js'

describeWorkers('sqlite', openSqliteLog, { members: false, durable: true })
