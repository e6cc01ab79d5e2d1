/** `carillon schemas`: the Avro schemas against their releases, and against the schema registry and into it. */
import type { Command } from 'commander'
import { compareWithReleased } from '../../schemas/release.js'
import { loadRegistryConfig } from '../config/config.js'
import type { RegistryConfig } from '../config/registry.js'
import type { Registry } from '../registry/registry.js'
import { checkSchemas } from './describe.js'
import { CommandFailed, exitCodes } from './exit.js'
import { printJson, printTable } from './terminal.js'

interface CheckOptions {
  readonly json?: boolean
  readonly offline?: boolean
}

export function addSchemas(program: Command): void {
  const schemas = program.command('schemas').description('the Avro schemas of the topics')
  schemas
    .command('check')
    .description(
      'tell whether each schema stays compatible: with what the registry of CARILLON_REGISTRY has, or else with its last release',
    )
    .option('--offline', 'compare with the last release, though there is a registry')
    .option('--json', 'print the comparison as JSON')
    .action(async ({ json = false, offline = false }: CheckOptions) => {
      const config = offline ? null : loadRegistryConfig()
      if (config) await checkInRegistry(config, json)
      else checkSchemas(compareWithReleased(), json)
    })
  schemas
    .command('register')
    .description('register every schema in the registry of CARILLON_REGISTRY, which needs the right to write there')
    .option('--json', 'print what was registered as JSON')
    .action(async ({ json = false }: { readonly json?: boolean }) => {
      const config = loadRegistryConfig()
      if (config) return registerInRegistry(config, json)
      throw new CommandFailed('Set CARILLON_REGISTRY to where the schema registry is.', exitCodes.usage)
    })
}

async function checkInRegistry(config: RegistryConfig, json: boolean): Promise<void> {
  const { compareWithRegistry } = await import('../registry/registration.js')
  const comparisons = await inRegistry(config, compareWithRegistry)
  if (json) printJson(comparisons)
  else {
    printTable([
      ['SUBJECT', 'ID', 'VERSION', 'STATE', 'PROBLEM'],
      ...comparisons.map(({ subject, id, version, state, problem }) => [
        ...[subject, String(id ?? ''), String(version ?? ''), state, problem],
      ]),
    ])
  }
  const broken = comparisons.filter(({ state }) => state === 'incompatible').map(({ subject }) => subject)
  if (broken.length === 0) return
  throw new CommandFailed(
    `Incompatible with what is registered: ${broken.join(', ')}. Give a new field a default, and keep what was there.`,
    exitCodes.failed,
  )
}

async function registerInRegistry(config: RegistryConfig, json: boolean): Promise<void> {
  const { registerAll } = await import('../registry/registration.js')
  const registrations = await inRegistry(config, registerAll)
  if (json) return printJson(registrations)
  printTable([
    ['SUBJECT', 'ID', 'VERSION', 'STATE'],
    ...registrations.map(({ subject, id, version, state }) => [subject, String(id), String(version), state]),
  ])
}

/** Does something with the registry, and tells its trouble in one line. */
async function inRegistry<T>(config: RegistryConfig, work: (registry: Registry) => Promise<T>): Promise<T> {
  const { openRegistry } = await import('../registry/registry.js')
  const { RegistryError } = await import('../registry/exchange.js')
  const registry = openRegistry(config)
  try {
    return await work(registry)
  } catch (cause) {
    if (!(cause instanceof RegistryError)) throw cause
    const exitCode = cause.code === 'registry-away' ? exitCodes.unreachable : exitCodes.failed
    throw new CommandFailed(cause.message, exitCode, { cause })
  } finally {
    await registry.close()
  }
}
