/** One schema registry for all test files, started when the first of them asks. Runs in vitest's main process. */
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { missingForRegistry, type RegistryUnderTest, startRegistry } from './registry-under-test.js'

declare module 'vitest' {
  interface ProvidedContext {
    /** A port of the loopback: who connects is told `at` and the registry's URL, or why there is none: `no`, where
     *  tests are skipped, `fail` where they must not be. */
    readonly schemaRegistryPort: number
  }
}

/** The compiled file stands in dist/pipeline/registry. */
const root = join(import.meta.dirname, '..', '..', '..')

/** Vitest's global setup. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  let registry: Promise<RegistryUnderTest> | null = null
  const answer = async (): Promise<string> => {
    const given = process.env.CARILLON_TEST_REGISTRY
    if (given !== undefined) return `at ${given}`
    const missing = missingForRegistry(root)
    if (missing !== null) return `${process.env.CI === 'true' ? 'fail' : 'no'} ${missing}`
    registry ??= startRegistry(root)
    return `at ${(await registry).url}`
  }
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    void answer().then(
      (text) => socket.end(text),
      (error: unknown) => socket.end(`fail ${error}`),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  project.provide('schemaRegistryPort', typeof address === 'object' && address ? address.port : 0)
  return async () => {
    server.close()
    await (await registry?.catch(() => null))?.stop()
  }
}
