/** How the stages flow: rates over the last seconds, and what waits before each. */
import type { StageFlow } from '../../ingress/stage-flow.js'
import type { Log } from '../engine/log.js'
import type { Topology } from '../engine/topology.js'
import type { WorkerState } from '../engine/worker.js'
import type { Metrics } from '../observe/metrics/metrics.js'
import { type Rate, rate, sampleMs, unsettledByLane } from './flow-samples.js'
import type { RunningStage } from './stages.js'

export interface FlowMeter {
  stages(): Promise<readonly StageFlow[]>
  isDown(stage: string): boolean
  stop(): void
}

interface Meter {
  readonly running: RunningStage
  state: WorkerState
  processed: number
  readonly acked: Rate
}

/** `parked`: how many deliveries throttle holds back. */
export function flowMeter(
  stages: readonly RunningStage[],
  log: Log,
  metrics: Metrics,
  topology: Topology,
  parked: () => number,
): FlowMeter {
  const meters = stages.map((running): Meter => ({ running, state: 'running', processed: 0, acked: rate(true) }))
  const subscriptions = meters.map((meter) =>
    meter.running.worker.state.subscribe((state) => {
      meter.state = state
    }),
  )
  const sampler = setInterval(() => void sample(), sampleMs)
  sampler.unref()

  return {
    stages: async () => {
      await count()
      return meters.map(flowOf)
    },
    isDown: (stage) => meters.some(({ running, state }) => running.name === stage && state !== 'running'),
    stop() {
      clearInterval(sampler)
      for (const subscription of subscriptions) subscription.unsubscribe()
    },
  }

  async function sample(): Promise<void> {
    await count()
    for (const meter of meters) meter.acked.add(meter.processed)
  }

  async function count(): Promise<void> {
    const { values } = await metrics.consumed.get()
    for (const meter of meters) {
      const own = values.filter(({ labels }) => labels.stage === meter.running.name)
      meter.processed = own.reduce((sum, { value }) => sum + value, 0)
    }
  }

  function flowOf({ running, state, processed, acked }: Meter): StageFlow {
    const { name, topics, worker } = running
    const described = topology.stages.find((stage) => stage.name === name)
    return {
      stage: name,
      input: described?.input ?? '',
      outputs: described?.outputs ?? [],
      state,
      processed,
      perSecond: acked.perSecond(),
      lag: unsettledByLane(log, name, topics),
      ...(name === 'throttle' && { parked: parked() }),
      restarts: worker.restarts(),
    }
  }
}
