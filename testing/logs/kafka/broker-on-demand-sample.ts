/** One broker for all test files, started when the first of them asks. Runs in vitest's main process. */
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { loadKafka } from '../../../pipeline/logs/kafka/library.js'
import { type BrokerUnderTest, missingForBroker, startBroker } from './broker-under-test.js'

declare module 'vitest' {
  interface ProvidedContext {
    /** A port of the loopback: who connects is told `at` and the broker's address, or why there is none: `no`, where
     *  tests are skipped, `fail` where they must not be. */
    readonly kafkaBrokerPort: number
  }
}

/** The compiled file stands in dist/testing/logs/kafka. */
const root = join(import.meta.dirname, '..', '..', '..', '..')

/** Calls of librdkafka hold a thread each; a test file has many members. Forks take this on. */
const threads = '64'

/** Vitest's global setup. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  process.env.UV_THREADPOOL_SIZE ??= threads
  let broker: Promise<BrokerUnderTest> | null = null
  const answer = async (): Promise<string> => {
    const given = process.env.CARILLON_TEST_KAFKA
    const missing = (await missingLibrary()) ?? (given === undefined ? missingForBroker(root) : null)
    if (missing !== null) return `${process.env.CI === 'true' ? 'fail' : 'no'} ${missing}`
    if (given !== undefined) return `at ${given}`
    broker ??= startBroker(root)
    return `at ${(await broker).address}`
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
  project.provide('kafkaBrokerPort', typeof address === 'object' && address ? address.port : 0)
  return async () => {
    server.close()
    await (await broker?.catch(() => null))?.stop()
  }
}

async function missingLibrary(): Promise<string | null> {
  return loadKafka().then(
    () => null,
    (error: unknown) => String(error),
  )
}
