/** A process of Carillon under test: what `carillon stage`, `ingress` or `start` runs, but for the providers, whose
 *  place a stub takes. */
import { loadConfig } from '../pipeline/config/config.js'
import { startIngressProcess } from '../pipeline/run/kafka/ingress-process.js'
import { startStageProcess } from '../pipeline/run/kafka/stage-process.js'
import type { Running } from '../pipeline/run/running.js'
import { stageNames } from '../stages/stage.js'
import { answerCalls, orderOf } from './child-process.js'
import type { StageCalls, StageOrder } from './kafka-stage-process.js'
import { createStub } from './stub-provider.js'

const { runs, answersAfterMs } = orderOf<StageOrder>()
const stub = createStub(answersAfterMs)
const running = await start()
answerCalls<StageCalls>({
  ...{ sent: stub.sent, report: stub.report, slow: stub.slow },
  address: () => running.address,
  cpuMicros() {
    const { user, system } = process.cpuUsage()
    return user + system
  },
  close: () => running.close(),
})
void running.died?.then((error) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
})

function start(): Promise<Running> {
  const config = loadConfig()
  const own = { createTopics: false, bindings: stub.bindings(config.providers) }
  if (runs !== 'all' && runs !== 'ingress') return startStageProcess(config, { ...own, stage: runs })
  const stages = runs === 'all' ? stageNames : []
  return startIngressProcess(config, { ...own, stages }, new AbortController().signal)
}
