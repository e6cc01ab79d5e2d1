/** How the stages flow: rates over the last seconds, and what waits before each. */
import type { StageFlow } from '../../ingress/ports.js'
import type { Log } from '../engine/log.js'
import type { WorkerState } from '../engine/worker.js'
import type { Metrics } from '../metrics/metrics.js'
import type { Topology } from '../topology.js'
import type { RunningStage } from './stages.js'

export interface FlowMeter {
  /** Also brings the gauges of the metrics up to date. */
  stages(): Promise<readonly StageFlow[]>
  isDown(stage: string): boolean
  stop(): void
}

const sampleMs = 1000
/** Rates are means over this many samples. */
const samplesKept = 5

interface Meter {
  readonly running: RunningStage
  state: WorkerState
  processed: number
  readonly samples: number[]
}

/** `parked`: how many deliveries throttle holds back. */
export function flowMeter(
  stages: readonly RunningStage[],
  log: Log,
  metrics: Metrics,
  topology: Topology,
  parked: () => number,
): FlowMeter {
  const meters = stages.map((running): Meter => ({ running, state: 'running', processed: 0, samples: [0] }))
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
      return Promise.all(meters.map(flowOf))
    },
    isDown: (stage) => meters.some(({ running, state }) => running.name === stage && state !== 'running'),
    stop() {
      clearInterval(sampler)
      for (const subscription of subscriptions) subscription.unsubscribe()
    },
  }

  async function sample(): Promise<void> {
    await count()
    for (const { samples, processed } of meters) {
      samples.push(processed)
      if (samples.length > samplesKept + 1) samples.shift()
    }
  }

  async function count(): Promise<void> {
    const { values } = await metrics.consumed.get()
    for (const meter of meters) {
      const own = values.filter(({ labels }) => labels.stage === meter.running.name)
      meter.processed = own.reduce((sum, { value }) => sum + value, 0)
    }
  }

  async function flowOf({ running, state, processed, samples }: Meter): Promise<StageFlow> {
    const { name, ways, worker } = running
    const lag: Record<string, number> = {}
    for (const { way, records } of await log.lag(name, ways)) {
      const lane = way.lane ?? 'all'
      lag[lane] = (lag[lane] ?? 0) + records
    }
    metrics.inFlight.set({ stage: name }, worker.unsettled())
    const spanned = ((samples.at(-1) ?? 0) - (samples[0] ?? 0)) / Math.max(1, samples.length - 1)
    const described = topology.stages.find((stage) => stage.name === name)
    return {
      stage: name,
      input: described?.input ?? '',
      outputs: described?.outputs ?? [],
      state,
      processed,
      perSecond: Math.round((spanned * 10 * 1000) / sampleMs) / 10,
      lag,
      ...(name === 'throttle' && { parked: parked() }),
      restarts: worker.restarts(),
    }
  }
}
