/** Every scenario: the one list that the command line, the help and a run of all go by. */

import { drain, priority, steady } from './drain.js'
import { contract, ingest } from './http-scenarios.js'
import { rebalance, scaling, soak } from './kafka-scenarios.js'
import { backlogRecovery, burst, slowProvider } from './load-scenarios.js'
import { type Engine, engineNames } from './place.js'
import { restore } from './restore.js'
import { type Range, type Scenario, UnknownOption } from './scenario.js'

export const scenarios: readonly Scenario[] = [
  ...[ingest, drain, steady, burst, backlogRecovery, slowProvider],
  ...[rebalance, restore, priority, contract, scaling, soak],
]

/** Throws `UnknownOption`. */
export function scenarioNamed(name: string): Scenario {
  const found = scenarios.find((one) => one.name === name)
  if (!found)
    throw new UnknownOption(`There is no scenario ${name}; there are ${scenarios.map((one) => one.name).join(', ')}`)
  return found
}

/** Each with its options, their bounds, what they are unless said, and how long a run takes. */
export function scenarioHelp(): string {
  return ['', 'Scenarios:', ...scenarios.flatMap(linesOf), '', ...engineNames.map((engine) => allOf(engine))].join('\n')
}

function linesOf({ name, says, takes, words, takesSeconds }: Scenario): string[] {
  const times = Object.entries(takesSeconds).map(([engine, seconds]) => `${engine} ${seconds} s`)
  const ranges = Object.entries<Range>(takes).map(([knob, range]) => `--${knob} ${rangeTold(range)}`)
  const options = [...ranges, ...words.map((word) => `--${word}`)]
  return [
    `  ${name.padEnd(18)} ${says}`,
    `  ${''.padEnd(18)} ${options.length > 0 ? `${options.join('; ')}; ` : ''}about ${times.join(', ')}`,
  ]
}

function rangeTold({ least, most, usual }: Range): string {
  const told = typeof usual === 'number' ? String(usual) : `${usual.sqlite} on sqlite, ${usual.kafka} on kafka`
  return `${told} (${least} to ${most})`
}

function allOf(engine: Engine): string {
  const seconds = scenarios.reduce((sum, { takesSeconds }) => sum + (takesSeconds[engine] ?? 0), 0)
  return `  --all on ${engine}: about ${Math.ceil(seconds / 60)} min a run`
}
