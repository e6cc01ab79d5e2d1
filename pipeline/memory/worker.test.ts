import { describeWorkers } from '../engine/worker-conformance.js'
import { openMemoryLog } from './log-under-test.js'

describeWorkers('memory', openMemoryLog, { members: true, durable: false })
