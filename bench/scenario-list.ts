/** Every scenario: the one list that the command line, the help and a run of all go by. */
import { type StageName, stageNames } from '../stages/stage.js'
import { backlogRecovery, burst, slowProvider } from './load-scenarios.js'
import { rebalance } from './rebalance.js'
import { type Scenario, scenario, UnknownOption } from './scenario.js'
import { drained, steady } from './stage-run.js'
import { contractSeen, ingestion, overtaking, restored, scaled, soaked } from './told.js'

const count = { least: 1, most: 2_000_000, usual: 100_000 }
const rate = { least: 1, most: 20_000, usual: { sqlite: 500, kafka: 200 } }
const seconds = { least: 0.5, most: 3600, usual: 10 }

export const scenarios: readonly Scenario[] = [
  scenario({
    name: 'ingest',
    says: 'what HTTP takes in, single requests and batches, while all stages are at work',
    takes: { seconds },
    takesSeconds: { sqlite: 35, kafka: 75 },
    run: (engine, { seconds }) => ingestion(engine, seconds),
  }),
  scenario({
    name: 'drain',
    says: 'a backlog through six stages, from requested to recorded, and the bare chain beside it',
    takes: { count },
    words: ['processes', 'profile'],
    takesSeconds: { sqlite: 60, kafka: 110 },
    run: (engine, { count }, choices) => drained(engine, count, choices),
  }),
  scenario({
    name: 'steady',
    says: 'latency at a steady rate, from the intended send time to the provider, and the bare chain beside it',
    takes: { rate, seconds },
    takesSeconds: { sqlite: 20, kafka: 50 },
    run: (engine, { rate, seconds }) => steady(engine, rate, seconds),
  }),
  scenario({
    name: 'burst',
    says: 'two seconds of many times the rate: how late that makes it, and how soon latency is as usual again',
    takes: {
      rate: { ...rate, usual: { sqlite: 500, kafka: 100 } },
      times: { least: 2, most: 100, usual: 10 },
      seconds,
    },
    takesSeconds: { sqlite: 25, kafka: 45 },
    run: (engine, { rate, times, seconds }) => burst(engine, rate, times, seconds),
  }),
  scenario({
    name: 'backlog-recovery',
    says: 'the stages stand still while notifications come in: how soon they have caught up while more come',
    takes: { rate, down: { least: 0.5, most: 600, usual: 10 }, seconds: { ...seconds, usual: 15 } },
    takesSeconds: { sqlite: 30, kafka: 60 },
    run: (engine, { rate, down, seconds }) => backlogRecovery(engine, rate, down, seconds),
  }),
  scenario({
    name: 'slow-provider',
    says: "one channel's provider answers late, or not in time: the latency of another channel with and without it",
    takes: { rate: { ...rate, usual: 200 }, 'slow-ms': { least: 1, most: 60_000, usual: 2000 }, seconds },
    takesSeconds: { sqlite: 30, kafka: 60 },
    run: (engine, { rate, 'slow-ms': slowMs, seconds }) => slowProvider(engine, rate, slowMs, seconds),
  }),
  scenario({
    name: 'rebalance',
    says: 'a second process of a stage joins under load and leaves again: the longest gap, and what becomes late',
    takes: { rate, seconds },
    words: ['stage'],
    takesSeconds: { kafka: 60 },
    run: (_, { rate, seconds }, { stage = 'deliver' }) => rebalance(stageNamed(stage), rate, seconds),
  }),
  scenario({
    name: 'restore',
    says: 'a start on so many stored: on Kafka dedupe and throttle rebuild their state from changelogs of so many entries',
    takes: { count: { ...count, usual: { sqlite: 100_000, kafka: 50_000 } } },
    words: ['stage'],
    takesSeconds: { sqlite: 45, kafka: 120 },
    run: (engine, { count }, { stage }) => restored(engine, count, stage),
  }),
  scenario({
    name: 'priority',
    says: '100 high ones behind a backlog of low ones',
    takes: { count },
    takesSeconds: { sqlite: 90 },
    run: (_, { count }) => overtaking(count),
  }),
  scenario({
    name: 'contract',
    says: 'what clients of contract C see, over HTTP',
    takes: { seconds },
    takesSeconds: { sqlite: 60, kafka: 130 },
    run: (engine, { seconds }) => contractSeen(engine, seconds),
  }),
  scenario({
    name: 'scaling',
    says: '1, 2 and 4 processes of deliver with a slow provider',
    takes: { seconds },
    takesSeconds: { kafka: 90 },
    run: (_, { seconds }) => scaled(seconds),
  }),
  scenario({
    name: 'soak',
    says: 'memory of each process over time, at a rate',
    takes: { rate: { ...rate, usual: 500 }, seconds: { ...seconds, usual: 60, most: 86_400 } },
    words: ['profile'],
    takesSeconds: { kafka: 90 },
    run: (_, { rate, seconds }, choices) => soaked(rate, seconds, choices),
  }),
]

/** Throws `UnknownOption`. */
export function scenarioNamed(name: string): Scenario {
  const found = scenarios.find((one) => one.name === name)
  if (!found)
    throw new UnknownOption(`There is no scenario ${name}; there are ${scenarios.map((one) => one.name).join(', ')}`)
  return found
}

function stageNamed(name: string): StageName {
  const found = stageNames.find((one) => one === name)
  if (!found) throw new UnknownOption(`There is no stage ${name}; there are ${stageNames.join(', ')}`)
  return found
}
