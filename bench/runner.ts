/** Runs a scenario some times, each time in a process of its own, and tells what all of them came to. */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Engine } from './place.js'
import {
  type Difference,
  differences,
  load,
  type Saved,
  type SavedFile,
  type Spread,
  saveResults,
  spreadsOf,
  surroundings,
} from './results.js'
import { type Asked, knobs, type Result, type Scenario } from './scenario.js'

export interface RunnerOptions {
  readonly runs: number
  readonly save: boolean
  /** Earlier results to compare with. */
  readonly earlier: SavedFile | null
  readonly tell: (line: string) => void
}

/** Some runs, for the JSON line. */
export interface Repeated {
  readonly engine: Engine
  readonly scenario: string
  readonly runs: number
  /** Of all runs together. */
  readonly lost: number
  readonly duplicates: number
  readonly figures: Saved['figures']
  readonly differences?: readonly Difference[]
}

const program = fileURLToPath(new URL('./main.js', import.meta.url))
/** A run with the usual options that takes so many times what it says is ended. */
const patienceTimes = 5

/** Rejects where a run fails; one that lost something or did it twice does not. */
export async function repeat(
  engine: Engine,
  scenario: Scenario,
  asked: Asked,
  options: RunnerOptions,
): Promise<Repeated> {
  const { runs: number, save, earlier, tell } = options
  const own = argumentsOf(asked)
  const key = [scenario.name, ...own].join(' ')
  const loadBefore = load()
  const runs: Result[] = []
  const mostMs = own.length === 0 ? (scenario.takesSeconds[engine] ?? 0) * 1000 * patienceTimes : undefined
  const args = ['--engine', engine, '--scenario', scenario.name, ...own]
  for (let run = 1; run <= number; run++) {
    tell(
      `${key} on ${engine}: run ${run} of ${number}, about ${scenario.takesSeconds[engine]} s with the usual options`,
    )
    runs.push(await runOnce(args, mostMs))
  }
  const figures = spreadsOf(runs)
  const command = ['npm run bench --', ...args, '--runs', number].join(' ')
  const made: Saved = { command, figures, runs: [...runs], ...surroundings(), loadBefore, loadAfter: load() }
  const before = earlier?.[key]
  const compared = before ? differences(before.figures, figures) : null
  for (const line of toldFigures(figures, compared)) tell(line)
  if (before) for (const line of caveats(before, made)) tell(line)
  else if (earlier) tell(`There is nothing to compare ${key} with.`)
  if (save) tell(`Saved in ${saveResults(engine, key, made)}`)
  return {
    ...{
      engine,
      scenario: scenario.name,
      runs: number,
      lost: sumOf(runs, 'lost'),
      duplicates: sumOf(runs, 'duplicates'),
    },
    ...{ figures, ...(compared && { differences: compared }) },
  }
}

/** The options of a scenario as they are given to the program. */
function argumentsOf(asked: Asked): string[] {
  const names = [...Object.keys(knobs), 'processes', 'stage', 'profile'] as (keyof Asked)[]
  return names.flatMap((name) => (asked[name] === undefined ? [] : [`--${name}`, String(asked[name])]))
}

/** Ended by SIGTERM where it takes longer, so that it takes with it what it started. */
async function runOnce(args: readonly string[], mostMs: number | undefined): Promise<Result> {
  const child = spawn(process.execPath, [program, ...args, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(mostMs !== undefined && { timeout: mostMs }),
  })
  const output = await text(child.stdout)
  const last = output.trim().split('\n').at(-1) ?? ''
  try {
    return JSON.parse(last)
  } catch (cause) {
    throw new Error(`A run of ${args.join(' ')} ended without a result`, { cause })
  }
}

function sumOf(runs: readonly Result[], figure: string): number {
  return runs.reduce((sum, run) => sum + Number(run[figure] ?? 0), 0)
}

function toldFigures(figures: Saved['figures'], compared: readonly Difference[] | null): string[] {
  return Object.entries(figures).map(([figure, spread]) => {
    const difference = compared?.find((one) => one.figure === figure)
    return `  ${figure.padEnd(32)} ${spreadTold(spread)}${difference ? `; ${differenceTold(difference)}` : ''}`
  })
}

function spreadTold({ min, median, max }: Spread): string {
  return `${median} (${min} to ${max})`
}

function differenceTold({ before, percent, outside }: Difference): string {
  const change = percent === null ? 'no per cent of 0' : `${percent > 0 ? '+' : ''}${percent} %`
  return `before ${spreadTold(before)}: ${change}, ${outside ? 'outside' : 'within'} the spread of the runs`
}

/** What makes a comparison less than it looks. */
function caveats(before: Saved, now: Saved): string[] {
  const same = JSON.stringify(before.machine) === JSON.stringify(now.machine) && before.node === now.node
  return [
    `Compared with ${before.commit} of ${before.date}, ${before.runs.length} runs, load before ${before.loadBefore[0]}; now ${now.commit}, load before ${now.loadBefore[0]}.`,
    ...(same ? [] : ['It was another machine, or another Node: compare ratios, not figures.']),
  ]
}
