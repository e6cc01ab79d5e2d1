/** Where tracing is off, nothing of it is there. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'carillon-off-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const here = pathToFileURL(import.meta.dirname).href

/** The packages of OpenTelemetry that a process has loaded once it runs a whole embedded Carillon in one thread. */
async function loaded(tracing: object | null): Promise<readonly string[]> {
  const file = join(folder, `${tracing === null ? 'off' : 'on'}.mjs`)
  writeFileSync(
    file,
    `import { createRequire } from 'node:module'
     import { openEngine } from '${here}/../../run/embedded/engine.js'
     import { loadConfig } from '${here}/../../config/config.js'
     import { createMetrics } from '${here}/../metrics/metrics.js'
     import { start } from '${here}/../../run/embedded/start.js'
     import { openTracing } from '${here}/tracing.js'
     const config = { ...loadConfig({ CARILLON_DATA: '${folder}', CARILLON_LOG_LEVEL: 'silent' }), tracing: ${JSON.stringify(tracing)} }
     const logger = { warn() {} }
     const tracing = await openTracing({ config, role: 'engine', metrics: createMetrics(), logger })
     const nothing = () => {}
     const engine = await openEngine(config, '${folder}/carillon.db', { changed: nothing, crashed: nothing, kept: nothing, tracing })
     await engine.close()
     const packages = Object.keys(createRequire(import.meta.url).cache).map((path) => path.split('/node_modules/').at(-1).split('/').slice(0, 2).join('/'))
     console.log(JSON.stringify([typeof start, [...new Set(packages)].filter((name) => name.startsWith('@opentelemetry/'))]))`,
  )
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [start, packages] = JSON.parse(await text(child.stdout)) as [string, string[]]
  expect(start).toBe('function')
  return packages
}

test('OpenTelemetry’s SDK is loaded where tracing is on, and nowhere else', async () => {
  const on = { url: 'http://127.0.0.1:9/v1/traces', headers: {}, sampleRatio: 0, serviceName: 'carillon' }
  // Its API alone, which prom-client asks for the exemplars that it might write.
  expect(await loaded(null)).toEqual(['@opentelemetry/api'])
  expect(await loaded(on)).toContain('@opentelemetry/sdk-trace')
})
