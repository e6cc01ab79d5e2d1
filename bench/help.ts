/** The list of scenarios for a person. */
import { engineNames, type Range, type Scenario } from './scenario.js'

/** Each with its options, their bounds, what they are unless said, and how long a run takes. */
export function scenarioHelp(scenarios: readonly Scenario[]): string {
  return [
    '',
    'Scenarios:',
    ...scenarios.flatMap(linesOf),
    '',
    ...engineNames.map((engine) => allOf(scenarios, engine)),
  ].join('\n')
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

function allOf(scenarios: readonly Scenario[], engine: (typeof engineNames)[number]): string {
  const seconds = scenarios.reduce((sum, { takesSeconds }) => sum + (takesSeconds[engine] ?? 0), 0)
  return `  --all on ${engine}: about ${Math.ceil(seconds / 60)} min a run`
}
