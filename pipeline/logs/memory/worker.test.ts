import { describeWorkers } from '../../../testing/engine/worker-conformance.js'
import { openMemoryLog } from '../../../testing/logs/memory/log-under-test.js'

describeWorkers('memory', openMemoryLog, { members: true, durable: false })
