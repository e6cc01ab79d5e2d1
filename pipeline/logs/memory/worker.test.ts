import { describeWorkers } from '../../../testing/engine/worker-conformance.js'
import { openMemoryLog } from '../../../testing/logs/memory/log-under-test.js'
import { seededRandom } from '../../engine/seeded-random.js'

describeWorkers('memory', openMemoryLog, { members: true, durable: false })

const random = seededRandom(1)
const passedMs = () => (random() < 0.3 ? Math.floor(random() * 3) : 0)
describeWorkers(
  'memory, with time passing between two reads of the clock,',
  (options) => openMemoryLog(options, passedMs),
  {
    members: true,
    durable: false,
  },
)
