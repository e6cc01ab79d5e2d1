/** The form of a scenario: what can be measured, on which engines, with which options. */
import { type Engine, engineNames } from './place.js'
import type { Tally } from './tally.js'

/** What may be asked for by number. */
export const knobs = {
  count: 'notifications',
  rate: 'notifications a second',
  seconds: 'how long it is measured, in seconds',
  times: 'how many times the rate the burst has',
  down: 'how long the stages stand still, in seconds',
  'slow-ms': 'how long the slow provider takes to answer, in milliseconds',
} as const
export type Knob = keyof typeof knobs

/** Bounds of an option, and what it is unless said. */
export interface Range {
  readonly least: number
  readonly most: number
  readonly usual: number | Readonly<Record<Engine, number>>
}

export const count = { least: 1, most: 2_000_000, usual: 100_000 } as const satisfies Range
export const rate = { least: 1, most: 20_000, usual: { sqlite: 500, kafka: 200 } } as const satisfies Range
export const seconds = { least: 0.5, most: 3600, usual: 10 } as const satisfies Range

/** What may be asked for by word. */
export interface Choices {
  /** On Kafka: a process for each stage, or one for all. */
  readonly processes?: 'six' | 'one' | undefined
  /** Of rebalance and restore. */
  readonly stage?: string | undefined
  /** A folder for profiles of processor time. */
  readonly profile?: string | undefined
  /** Told what goes on, where somebody reads it. */
  readonly tell?: ((line: string) => void) | undefined
}

/** Options as the command line gives them. */
export type Asked = Choices & { readonly [K in Knob]?: number | undefined }

/** One run: figures by name, and what else its JSON line says. */
export type Result = Readonly<Record<string, unknown>>

/** What a run came to. */
export interface Measured {
  /** For the JSON line of a run that was asked for without `--scenario`: the outside contract, and no more. */
  readonly result: Result
  /** Beside it, for all others. */
  readonly more?: Result
  /** For a person, without the places of the tally. */
  readonly summary: readonly string[]
  /** Null where nothing is sent. */
  readonly tally: Pick<Tally, 'lost' | 'duplicates'> & Partial<Pick<Tally, 'places'>>
}

export interface Scenario {
  readonly name: string
  /** What it tells, in a line. */
  readonly says: string
  readonly engines: readonly Engine[]
  readonly takes: Readonly<Partial<Record<Knob, Range>>>
  /** Words that it takes. */
  readonly words: readonly ('processes' | 'stage' | 'profile')[]
  /** About how long a run with the usual options takes on 2 cores, in seconds: with starting, laying and counting. */
  readonly takesSeconds: Readonly<Partial<Record<Engine, number>>>
  /** Throws `UnknownOption` for an option that it does not take, or one out of bounds. */
  run(engine: Engine, asked: Asked): Promise<Measured>
}

/** A scenario as it is written down. */
interface Definition<K extends Knob>
  extends Omit<Scenario, 'takes' | 'run' | 'engines' | 'words'>,
    Partial<Pick<Scenario, 'words'>> {
  readonly takes: Readonly<Record<K, Range>>
  readonly run: (engine: Engine, settings: Readonly<Record<K, number>>, choices: Choices) => Promise<Measured>
}

export class UnknownOption extends Error {
  readonly code = 'unknown-option'
}

/** Gives `run` what was asked for, and the usual for the rest. */
export function scenario<K extends Knob>({ words = [], ...definition }: Definition<K>): Scenario {
  const { name, takes, takesSeconds, run } = definition
  const engines = engineNames.filter((engine) => takesSeconds[engine] !== undefined)
  return {
    ...definition,
    words,
    engines,
    takes: takes as Scenario['takes'],
    async run(engine, asked) {
      if (!engines.includes(engine))
        throw new UnknownOption(`${name} is measured with --engine ${engines.join(' or ')} only`)
      const known = new Set<string>([...Object.keys(takes), ...words, 'tell'])
      const unknown = Object.entries(asked).find(([option, value]) => value !== undefined && !known.has(option))
      if (unknown) throw new UnknownOption(`${name} does not take --${unknown[0]}; it takes ${optionsOf(takes, words)}`)
      const settings = Object.entries<Range>(takes).map(([knob, range]) => [
        knob,
        settingOf(knob as Knob, range, engine, asked),
      ])
      return run(engine, Object.fromEntries(settings) as Record<K, number>, asked)
    },
  }
}

/** The usual value of an option. */
export function usualOf({ usual }: Range, engine: Engine): number {
  return typeof usual === 'number' ? usual : usual[engine]
}

function settingOf(knob: Knob, range: Range, engine: Engine, asked: Asked): number {
  const value = asked[knob] ?? usualOf(range, engine)
  if (knob === 'count' && !Number.isInteger(value)) throw new UnknownOption('--count must be a whole number')
  if (value < range.least || value > range.most) {
    throw new UnknownOption(`--${knob} must be from ${range.least} to ${range.most}`)
  }
  return value
}

function optionsOf(takes: object, words: readonly string[]): string {
  const all = [...Object.keys(takes), ...words].map((option) => `--${option}`)
  return all.length === 0 ? 'no options' : all.join(', ')
}

/** To so many digits after the point. */
export function rounded(value: number, digits = 0): number {
  return Number(value.toFixed(digits))
}

/** Each to a tenth. */
export function tenths(values: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, rounded(value, 1)]))
}

export function costs(cpuMicros: Readonly<Record<string, number>>): string {
  const each = Object.entries(cpuMicros).map(([name, micros]) => `${name} ${micros}`)
  return `µs of processor time each: ${each.join(', ')}`
}
