/** How a command ends. */

/** What the process returns to its shell. */
export const exitCodes = { fine: 0, failed: 1, usage: 2, unreachable: 3 } as const
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** For the end of `--help`. */
export const exitCodeHelp = `
Exit codes:
  0  fine
  1  it failed: refused by Carillon, not found, or ended without being sent
  2  wrong usage
  3  Carillon cannot be reached at CARILLON_URL; for topics, Kafka at CARILLON_LOG; for schemas, the registry at
     CARILLON_REGISTRY`

/** A command cannot go on. The message is for the user and says what to do. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
  readonly code = 'command-failed'
  constructor(
    message: string,
    readonly exitCode: ExitCode,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}
