import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readReleased } from '../../schemas/sources.js'
import { topology, topologyMermaid, topologyText } from '../engine/topology.js'
import { checkSchemas } from './describe.js'
import { CommandFailed } from './exit.js'

const executable = join(import.meta.dirname, 'main.js')

/** Nothing of this process's own environment may reach the program. */
function carillon(args: readonly string[], environment: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [executable, ...args], {
    env: { PATH: process.env.PATH, ...environment },
    encoding: 'utf8',
  })
  return { code: status, out: stdout, err: stderr }
}

describe('carillon', () => {
  test.each([[[]], [['start']], [['send']], [['dead-letters', 'replay']], [['schemas', 'check']]])(
    'explains itself and its exit codes: %j --help',
    (command) => {
      const { code, out, err } = carillon([...command, '--help'])
      expect({ code, err }).toEqual({ code: 0, err: '' })
      expect(out).toContain(`Usage: ${['carillon', ...command].join(' ')}`)
      expect(out).toContain('3  Carillon cannot be reached at CARILLON_URL')
    },
  )

  test('names no command that this version does not have', () => {
    const { out } = carillon(['--help'])
    const listed = [...out.matchAll(/^ {2}([a-z-]+)(?: [[<].*[\]>])? {2,}/gm)].map(([, name]) => name)
    expect(listed).toEqual([
      ...['start', 'ingress', 'stage', 'lag-exporter', 'send', 'lag', 'dead-letters'],
      ...['topology', 'topics', 'schemas', 'help'],
    ])
  })

  test('prints its version', () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', '..', 'package.json'), 'utf8'))
    expect(carillon(['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' })
  })

  test('takes no command, or an unknown one, for wrong usage', () => {
    expect(carillon([])).toEqual({ code: 2, out: '', err: expect.stringContaining('Usage: carillon') })
    expect(carillon(['lagg'])).toEqual({
      code: 2,
      out: '',
      err: "error: unknown command 'lagg'\n(Did you mean lag?)\n(--help tells more)\n",
    })
  })
})

describe('without a running Carillon', () => {
  test('the topology is shown as text, JSON and Mermaid', () => {
    expect(carillon(['topology'])).toEqual({ code: 0, out: topologyText(topology()), err: '' })
    expect(JSON.parse(carillon(['topology', '--format', 'json']).out)).toEqual(topology())
    expect(carillon(['topology', '--format', 'mermaid']).out).toBe(topologyMermaid(topology()))
    expect(carillon(['topology', '--format', 'xml'])).toMatchObject({ code: 2, out: '' })
  })

  test('the schemas are compared with their last release', () => {
    const { code, out, err } = carillon(['schemas', 'check', '--json'])
    expect({ code, err }).toEqual({ code: 0, err: '' })
    const releasedId = readReleased().findLast(({ event }) => event === 'notification-inbound')?.id
    expect(JSON.parse(out)[0]).toEqual({ event: 'notification-inbound', releasedId, state: 'same', problem: '' })
  })

  test('an incompatible schema is a failure that names it', () => {
    const problem = 'the field "tenant" has no default'
    const broken = { event: 'dead-letter', releasedId: 8, state: 'incompatible', problem } as const
    const same = { event: 'provider-health', releasedId: 9, state: 'same', problem: '' } as const
    expect(() => checkSchemas([broken, same], false)).toThrow(
      new CommandFailed('Incompatible: dead-letter. Give a new field a default, and keep what a released one had.', 1),
    )
    expect(checkSchemas([same], false)).toBeUndefined()
  })

  test('start reports every problem of the configuration before anything else', () => {
    expect(carillon(['start'], { CARILLON_PORT: 'x', CARILLON_HOST: '0.0.0.0', CARILLON_LOG: 'kafka://h' })).toEqual({
      code: 1,
      out: '',
      err: [
        'Carillon cannot start with this configuration:',
        'CARILLON_PORT: must be a whole number from 0 to 65535',
        'CARILLON_LOG: must be sqlite: or kafka://host:port,host:port',
        'CARILLON_API_KEY: is needed to listen beyond loopback; set a key, or set CARILLON_HOST to 127.0.0.1',
        '',
      ].join('\n'),
    })
  })
})
