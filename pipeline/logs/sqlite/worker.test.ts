import { describeWorkers } from '../../../testing/engine/worker-conformance.js'
import { openSqliteLog } from '../../../testing/logs/sqlite/log-under-test.js'

describeWorkers('sqlite', openSqliteLog, { members: false, durable: true })
