/** The rules of grafana/rules, evaluated each second whatever they say: a load does not last long enough for days. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../testing/grafana/compose-under-test.js'

/** Writes them into the folder; their files. */
export function writeQuickRules(folder: string): readonly string[] {
  const rules = join(root, 'grafana', 'rules')
  return readdirSync(rules)
    .filter((name) => name.endsWith('.yml') && !name.endsWith('.test.yml'))
    .map((name) => {
      const file = join(folder, name)
      writeFileSync(file, readFileSync(join(rules, name), 'utf8').replaceAll(/^( +interval:) .*$/gm, '$1 1s'))
      return file
    })
}
