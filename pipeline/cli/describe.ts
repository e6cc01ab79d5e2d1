/** `carillon topology`, and `carillon schemas check` without a registry: what is built in. */
import { type Command, Option } from 'commander'
import type { SchemaComparison } from '../../schemas/release.js'
import { topology, topologyMermaid, topologyText } from '../engine/topology.js'
import { CommandFailed, exitCodes } from './exit.js'
import { printJson, printTable, printText } from './terminal.js'

const formats = ['text', 'json', 'mermaid'] as const
type Format = (typeof formats)[number]

export function addTopology(program: Command): void {
  program
    .command('topology')
    .description('show the stages, the topics between them, and their keys and lanes')
    .addOption(new Option('--format <format>', 'how to show it').choices(formats).default('text'))
    .action(({ format }: { readonly format: Format }) => {
      switch (format) {
        case 'json':
          return printJson(topology())
        case 'mermaid':
          return printText(topologyMermaid(topology()))
        case 'text':
          return printText(topologyText(topology()))
      }
    })
}

/** Prints the comparison. Throws `CommandFailed` when a schema broke compatibility. */
export function checkSchemas(comparisons: readonly SchemaComparison[], json: boolean): void {
  if (json) printJson(comparisons)
  else {
    printTable([
      ['EVENT', 'RELEASE', 'STATE', 'PROBLEM'],
      ...comparisons.map(({ event, releasedId, state, problem }) => [event, String(releasedId ?? ''), state, problem]),
    ])
  }
  const broken = comparisons.filter(({ state }) => state === 'incompatible').map(({ event }) => event)
  if (broken.length === 0) return
  throw new CommandFailed(
    `Incompatible: ${broken.join(', ')}. Give a new field a default, and keep what a released one had.`,
    exitCodes.failed,
  )
}
