/** A process of Carillon under test: what `carillon stage`, `ingress` or `start` runs, but for the providers, whose
 *  place a stub takes. It ends with the bench that started it. */
import { createBirpc } from 'birpc'
import { loadConfig } from '../pipeline/config/config.js'
import { startIngressProcess } from '../pipeline/run/kafka/ingress-process.js'
import { startStageProcess } from '../pipeline/run/kafka/stage-process.js'
import type { Running } from '../pipeline/run/running.js'
import { stageNames } from '../stages/stage.js'
import type { StageCalls, StageNews, StageOrder } from './kafka-stage-calls.js'
import { createStub } from './stub-provider.js'

const { runs, answersAfterMs } = JSON.parse(process.argv[2] ?? '') as StageOrder
const stub = createStub(answersAfterMs)
process.once('disconnect', () => process.exit())

const running = await start()
const bench = createBirpc<StageNews, StageCalls>(
  {
    sent: stub.sent,
    report: stub.report,
    slow: stub.slow,
    cpuMicros() {
      const { user, system } = process.cpuUsage()
      return user + system
    },
    close: () => running.close(),
  },
  {
    post: (message) => process.send?.(message),
    on: (listener) => process.on('message', listener),
    timeout: -1,
  },
)
void running.died?.then((error) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
})
await bench.up(running.address)

function start(): Promise<Running> {
  const config = loadConfig()
  const own = { createTopics: false, bindings: stub.bindings(config.providers) }
  if (runs !== 'all' && runs !== 'ingress') return startStageProcess(config, { ...own, stage: runs })
  const stages = runs === 'all' ? stageNames : []
  return startIngressProcess(config, { ...own, stages }, new AbortController().signal)
}
