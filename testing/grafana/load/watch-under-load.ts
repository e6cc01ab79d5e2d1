/** `npm run watch`: runs Carillon under load in which every kind of event happens, scraped by a real Prometheus, asks that
 *  what every panel of every dashboard asks, and fails naming those that got nothing, or nothing but zeros.
 *
 *  `watch-under-load.js [--engine sqlite|kafka] [--all]`   --all: tells of every query, not only of the empty ones */
import { Command, Option } from 'commander'
import { prometheusHere } from '../prometheus-under-test.js'
import { emptyOf, type PanelAnswer } from './answers.js'
import { embeddedAnswers } from './embedded.js'
import { kafkaAnswers } from './kafka.js'

const { engine, all } = new Command('watch-under-load')
  .addOption(new Option('--engine <engine>', 'the log').choices(['sqlite', 'kafka']).default('kafka'))
  .option('--all', 'tell of every query')
  .parse()
  .opts<{ readonly engine: 'sqlite' | 'kafka'; readonly all?: boolean }>()

// Ended from outside, it takes what it started with it.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1))

const { programs, missing } = prometheusHere()
if (!programs) throw new Error(missing)
const tell = (what: string) => void process.stderr.write(`${what}\n`)
const answers = await (engine === 'kafka' ? kafkaAnswers(programs, tell) : embeddedAnswers(programs))
const empty = emptyOf(answers)
for (const answer of all ? answers : empty) tell(lineOf(answer))
for (const answer of answers.filter(({ problem, query }) => problem === null && query.quiet !== undefined)) {
  tell(`${lineOf(answer)}, though it says: ${answer.query.quiet}`)
}
const panels = (some: readonly PanelAnswer[]) => new Set(some.map(({ dashboard, panel }) => `${dashboard}: ${panel}`))
process.stdout.write(
  `${answers.length - empty.length} of ${answers.length} queries of ${panels(answers).size} panels are as they should be.\n`,
)
process.exit(empty.length > 0 ? 1 : 0)

function lineOf({ dashboard, panel, query, series, most, problem }: PanelAnswer): string {
  return `${dashboard}: ${panel} (${query.legend}): ${problem ?? `${series} series, up to ${Number(most.toPrecision(3))}`}`
}
