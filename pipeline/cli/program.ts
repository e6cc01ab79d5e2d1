/** The program `carillon` and its commands. */
import { Command, CommanderError } from 'commander'
import { ConfigProblems } from '../config/problems.js'
import { carillonVersion } from '../config/version.js'
import { addDeadLetters } from './dead-letters.js'
import { addTopology } from './describe.js'
import { CommandFailed, type ExitCode, exitCodeHelp, exitCodes } from './exit.js'
import { addLag } from './lag.js'
import { addProcesses } from './processes.js'
import { addSchemas } from './schemas.js'
import { addSend } from './send.js'
import { complain } from './terminal.js'
import { addTopics } from './topics.js'

/** Runs one command line and returns the exit code. */
export async function run(args: readonly string[]): Promise<ExitCode> {
  try {
    await program().parseAsync(args, { from: 'user' })
    return exitCodes.fine
  } catch (error) {
    return explain(error)
  }
}

/** Every command with its options: docs/cli.md is made from it. */
export function program(): Command {
  const carillon = new Command('carillon')
    .description('A notification pipeline.')
    .version(carillonVersion())
    .exitOverride()
    .showHelpAfterError('(--help tells more)')
    .addHelpText(
      'after',
      `
Environment:
  CARILLON_URL      where the running Carillon is (http://127.0.0.1:3000)
  CARILLON_API_KEY  its key, where it has one
  "start", "stage", "ingress" and "topics" read many more: see docs/configuration.md.`,
    )
    .addHelpText('afterAll', exitCodeHelp)
  addProcesses(carillon)
  addSend(carillon)
  addLag(carillon)
  addDeadLetters(carillon)
  addTopology(carillon)
  addTopics(carillon)
  addSchemas(carillon)
  return carillon
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
