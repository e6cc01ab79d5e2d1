/** The rules of grafana/rules, as Prometheus reads them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { root } from './compose-under-test.js'

const rule = z.object({
  record: z.string().optional(),
  alert: z.string().optional(),
  expr: z.string(),
  labels: z.record(z.string(), z.string()).optional(),
  annotations: z.record(z.string(), z.string()).optional(),
})
const file = z.object({ groups: z.array(z.looseObject({ rules: z.array(rule) })) })

export type PrometheusRuleRead = z.infer<typeof rule>

/** In the order of their files. */
export function readRules(): readonly PrometheusRuleRead[] {
  const folder = join(root, 'grafana', 'rules')
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yml') && !name.endsWith('.test.yml'))
    .sort()
    .flatMap((name) => file.parse(parse(readFileSync(join(folder, name), 'utf8'))).groups)
    .flatMap(({ rules }) => rules)
}
