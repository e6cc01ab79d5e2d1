/** The commands with their options, from the program that runs them. */
import type { Command } from 'commander'
import { exitCodeHelp } from '../../pipeline/cli/exit.js'
import { program } from '../../pipeline/cli/program.js'
import { table } from './table.js'

/** Every command that does something by itself; a group of commands only by its members. */
export function commandTable(): string {
  return table(
    ['command', 'what it does'],
    leavesOf(program()).map((command) => [`\`${usageOf(command)}\``, sentence(command.description())]),
  )
}

/** The options of each command that has some. */
export function optionTable(): string {
  const rows = leavesOf(program()).flatMap((command) =>
    command.options.map(({ flags, description, argChoices, defaultValue }) => [
      `\`${pathOf(command)}\``,
      `\`${flags}\``,
      sentence(description) + (argChoices ? ` One of ${argChoices.join(', ')}.` : ''),
      defaultValue === undefined ? 'none' : `\`${String(defaultValue)}\``,
    ]),
  )
  return table(['command', 'option', 'meaning', 'default'], rows)
}

/** What the exit codes mean, as `--help` says it. */
export function exitCodes(): string {
  return ['```text', exitCodeHelp.trim(), '```'].join('\n')
}

function leavesOf(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf)
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name()
}

function usageOf(command: Command): string {
  const operands = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`
    return argument.required ? `<${name}>` : `[${name}]`
  })
  return [pathOf(command), ...operands].join(' ')
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
