/** A second process of a stage joins under load, and leaves again: how long nothing moves, and what becomes late. */
import { type StageName, stageNames } from '../stages/stage.js'
import { onKafka } from './kafka-subject.js'
import { monotonicMs } from './latency.js'
import { inPhase, type Load, latenciesOf, phaseStartMs, runLoad, type Served, warmUpSeconds } from './load.js'
import { told, toldLoad } from './load-scenarios.js'
import { rate, rounded, scenario, seconds, UnknownOption } from './scenario.js'

const beforeSeconds = 5

/** `seconds`: how long the second process stays, and how long is watched after it left. */
export const rebalance = scenario({
  name: 'rebalance',
  says: 'a second process of a stage joins under load and leaves again: the longest gap, and what becomes late',
  takes: { rate, seconds },
  words: ['stage'],
  takesSeconds: { kafka: 60 },
  async run(_, { rate: ratePerSecond, seconds }, { stage: named = 'deliver' }) {
    const stage = stageNamed(named)
    const lengths = [Math.min(warmUpSeconds, seconds), Math.min(beforeSeconds, seconds), seconds, seconds]
    const phases = lengths.map((each) => ({ ratePerSecond, seconds: each }))
    const took = { joinMs: 0, leaveMs: 0 }
    const load = await onKafka({}, (subject) => {
      let joining: Promise<() => Promise<void>> | null = null
      const begins = async (phase: number) => {
        const beganMs = monotonicMs()
        if (phase === 2) {
          joining = subject.join(stage)
          await joining
          took.joinMs = rounded(monotonicMs() - beganMs)
        }
        if (phase === 3 && joining) {
          const leave = await joining
          await leave()
          took.leaveMs = rounded(monotonicMs() - beganMs)
        }
      }
      return runLoad(subject, { phases, begins })
    })
    const [, before, joined, left] = phases.map((_, phase) => latenciesOf(inPhase(load, phase)))
    const gaps = { steady: longestGapMs(load, 1), joining: longestGapMs(load, 2), leaving: longestGapMs(load, 3) }
    return toldLoad(load, { before, joined, left, longestGapMs: gaps, ...took }, [
      `${ratePerSecond} a second; a second process of ${stage} was up after ${took.joinMs} ms, and gone after ${took.leaveMs} ms`,
      `longest gap between two calls: before ${gaps.steady} ms, as it joined ${gaps.joining} ms, as it left ${gaps.leaving} ms`,
      `before ${told(before)}; with it ${told(joined)}; after it left ${told(left)}`,
    ])
  },
})

function stageNamed(name: string): StageName {
  const found = stageNames.find((one) => one === name)
  if (!found) throw new UnknownOption(`There is no stage ${name}; there are ${stageNames.join(', ')}`)
  return found
}

/** Between two calls of the provider while a phase lasted. */
function longestGapMs(load: Load, phase: number): number {
  const fromMs = phaseStartMs(load.served, phase)
  const toMs = inPhase(load, phase).at(-1)?.intendedMs ?? fromMs
  return longestGap(load.served, fromMs, toMs)
}

/** Both ends count: nothing at all is a gap as long as the time. */
export function longestGap(served: readonly Pick<Served, 'calledMs'>[], fromMs: number, toMs: number): number {
  const calls = served.flatMap(({ calledMs }) =>
    calledMs !== null && calledMs > fromMs && calledMs < toMs ? calledMs : [],
  )
  const times = [fromMs, ...calls.sort((a, b) => a - b), toMs]
  return rounded(Math.max(...times.slice(1).map((at, before) => at - (times[before] ?? at))), 1)
}
