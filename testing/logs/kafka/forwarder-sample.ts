/** A process for tests: forwards every request on the Kafka log, and remembers each in its state. It tells its parent
 *  what it owns, how much it acked, and what broke it; SIGTERM drains it. */
import { asyncScheduler } from 'rxjs'
import { createCodec } from '../../../pipeline/engine/codec.js'
import type { Log, Member } from '../../../pipeline/engine/log.js'
import { seededRandom } from '../../../pipeline/engine/seeded-random.js'
import { runWorker } from '../../../pipeline/engine/worker.js'
import { endProcess } from '../../../pipeline/logs/kafka/library.js'
import { openKafkaLog } from '../../../pipeline/logs/kafka/log.js'
import type { KafkaLogOptions } from '../../../pipeline/logs/kafka/log-options.js'
import { ownedBy, waysFor } from '../../engine/log-under-test.js'
import { forwardingStage } from '../../engine/worker-under-test.js'

/** What it tells its parent, one of them at a time. */
export interface ForwarderNews {
  /** Partitions. */
  readonly owned?: readonly number[]
  /** Records acked by a commit. */
  readonly acked?: number
  readonly crashed?: string
  readonly unusable?: string
}

const drainMs = 5000
const options = JSON.parse(process.argv[2] ?? '') as KafkaLogOptions
const tell = (news: ForwarderNews): void => void process.send?.(news)
process.on('disconnect', () => endProcess(1))

const log = await openKafkaLog({ ...options, onUnusable: ({ code }) => tell({ unusable: code }) })
const stage = forwardingStage((id, { state, recordId }) => state.put(id, Buffer.from(recordId), null))
const watched: Log = { ...log, join: async (reading) => watch(await log.join(reading)) }
const worker = runWorker({
  ...{ stage, log: watched, topics: waysFor('notifications.requested'), codec: createCodec(), clock: asyncScheduler },
  ...{ random: seededRandom(process.pid), mailbox: 400, batch: 100 },
  observer: {
    committed: ({ acked }) => tell({ acked: acked.length }),
    crashed: (error) => tell({ crashed: String(error) }),
  },
})
process.once('SIGTERM', async () => {
  await worker.stop(drainMs)
  await log.close()
  endProcess(0)
})

function watch(member: Member): Member {
  member.assignments.subscribe(() => tell({ owned: ownedBy(member) }))
  return member
}
