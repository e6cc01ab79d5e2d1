/** What commands read from and write to the terminal. */
import { lossIn } from '../../ingress/json-loss.js'
import { faultIn, parseJson } from '../../ingress/requests/json-text.js'
import { decodeUtf8 } from '../../ingress/utf8.js'
import { CommandFailed, exitCodes } from './exit.js'

/** The batch endpoint's limit; no request may be larger. */
const maxInputBytes = 8 * 1024 * 1024

/** Writes one line, without the control characters that somebody else's text may hold. */
export function print(line: string): void {
  process.stdout.write(`${printable(line)}\n`)
}

/** Writes a text of Carillon's own, as it is. */
export function printText(text: string): void {
  process.stdout.write(text)
}

/** Writes one line, or more, to standard error. */
export function complain(text: string): void {
  process.stderr.write(`${text.split('\n').map(printable).join('\n')}\n`)
}

/** Writes a value for a machine, or for a person who wants all of it. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

/** Writes rows in columns; the first row is the heading. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const shown = rows.map((row) => row.map(printable))
  const widths = (shown[0] ?? []).map((_, column) => Math.max(...shown.map((row) => row[column]?.length ?? 0)))
  for (const row of shown) {
    print(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
  }
}

/** Standard input as JSON. */
export async function readJsonInput(): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of process.stdin) {
    bytes += chunk.length
    if (bytes > maxInputBytes)
      throw new CommandFailed('Standard input is over 8 MiB; send it in parts', exitCodes.usage)
    chunks.push(chunk)
  }
  const text = decodeUtf8(Buffer.concat(chunks))
  if (text === undefined) throw new CommandFailed('Standard input is not UTF-8', exitCodes.usage)
  return parsedJson(text, 'Standard input')
}

/** Parses JSON that the user gave; `what` names it. */
export function parsedJson(text: string, what: string): unknown {
  const parsed = parseJson(text)
  if (!parsed.ok) throw new CommandFailed(`${what} is not JSON`, exitCodes.usage)
  // What is nested too deep is sent as it is, for the server to refuse.
  const loss = faultIn(parsed.value) ? null : lossIn(text, parsed.value)
  if (loss) throw new CommandFailed(`${what} cannot be sent as it is. ${loss.path}: ${loss.message}`, exitCodes.usage)
  return parsed.value
}

function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, ' ')
}
