/** docker-compose.yml as Compose reads it: anchors merged, variables filled in. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'

/** The project's folder; the compiled file stands in dist/grafana. */
export const root = join(import.meta.dirname, '..', '..', '..')

const service = z.looseObject({
  image: z.string(),
  build: z.string().optional(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  user: z.string().optional(),
  read_only: z.boolean().optional(),
  cap_drop: z.array(z.string()).optional(),
  security_opt: z.array(z.string()).optional(),
  networks: z.array(z.string()),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  healthcheck: z.looseObject({ disable: z.boolean().optional(), test: z.array(z.string()).optional() }).optional(),
  restart: z.string().optional(),
  stop_grace_period: z.string().optional(),
})

const compose = z.looseObject({
  services: z.record(z.string(), service),
  networks: z.record(z.string(), z.looseObject({ internal: z.boolean().optional() })),
  volumes: z.record(z.string(), z.unknown()),
})

export type Service = z.infer<typeof service>

/** The file before anything is checked. Throws where a variable that must be set is not, with what the file says. */
export function composeDocument(environment: Readonly<Record<string, string>>): unknown {
  const document: unknown = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), { merge: true })
  const filled = (_: string, value: unknown) => (typeof value === 'string' ? interpolated(value, environment) : value)
  return JSON.parse(JSON.stringify(document), filled)
}

export function composeFile(environment: Readonly<Record<string, string>>): z.infer<typeof compose> {
  return compose.parse(composeDocument(environment))
}

/** https://github.com/compose-spec/compose-spec/blob/main/12-interpolation.md */
function interpolated(text: string, environment: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$(?:\$|\{(\w+)(?::([-?])([^}]*))?\})/g, (whole, name?: string, kind?: string, rest = '') => {
    if (name === undefined) return '$'
    const value = environment[name]
    if (value) return value
    if (kind === '-') return rest
    throw new Error(kind === '?' ? `${name}: ${rest}` : `${whole} has no default`)
  })
}
