/** The program `carillon` and its commands. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { loadConfig } from '../config/config.js'
import { ConfigProblems } from '../config/problems.js'
import { addDeadLetters } from './dead-letters.js'
import { addSchemas, addTopology } from './describe.js'
import { CommandFailed, type ExitCode, exitCodeHelp, exitCodes } from './exit.js'
import { addLag } from './lag.js'
import { addSend } from './send.js'
import { complain } from './terminal.js'

/** Runs one command line and returns the exit code. */
export async function run(args: readonly string[]): Promise<ExitCode> {
  try {
    await program().parseAsync(args, { from: 'user' })
    return exitCodes.fine
  } catch (error) {
    return explain(error)
  }
}

function program(): Command {
  const carillon = new Command('carillon')
    .description('A notification pipeline.')
    .version(version())
    .exitOverride()
    .showHelpAfterError('(--help tells more)')
    .addHelpText(
      'after',
      `
Environment:
  CARILLON_URL      where the running Carillon is (http://127.0.0.1:3000)
  CARILLON_API_KEY  its key, where it has one
  "start" reads many more: see the README.`,
    )
    .addHelpText('afterAll', exitCodeHelp)
  carillon.command('start').description('run everything in this process: the HTTP API and all six stages').action(start)
  addSend(carillon)
  addLag(carillon)
  addDeadLetters(carillon)
  addTopology(carillon)
  addSchemas(carillon)
  return carillon
}

/** Imports the pipeline only here, so that the other commands start at once. */
async function start(): Promise<void> {
  const { runUntilStopped } = await import('./start.js')
  await runUntilStopped(async () => {
    const config = loadConfig()
    const pipeline = await import('../start.js')
    return pipeline.start(config)
  })
}

function explain(error: unknown): ExitCode {
  if (error instanceof CommanderError) {
    // Commander has said it already. Help that was asked for is no mistake; help for want of a command is.
    return ['commander.helpDisplayed', 'commander.version'].includes(error.code) ? exitCodes.fine : exitCodes.usage
  }
  if (error instanceof CommandFailed) {
    complain(error.message)
    return error.exitCode
  }
  if (error instanceof ConfigProblems) {
    complain(error.message)
    return exitCodes.usage
  }
  complain(error instanceof Error ? (error.stack ?? error.message) : String(error))
  return exitCodes.failed
}

/** Relative to the compiled file: dist/pipeline/command-line. */
function version(): string {
  const file = join(import.meta.dirname, '..', '..', '..', 'package.json')
  return String(JSON.parse(readFileSync(file, 'utf8')).version)
}
