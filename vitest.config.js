import { defineConfig } from 'vitest/config'
import { BaseSequencer } from 'vitest/node'
import { namesSkips } from './dist/testing/skips-under-test.js'

/** Small files of long suites: vitest begins with the largest, and would end with these alone. */
const longSuites = ['dist/pipeline/logs/kafka/log.test.js', 'dist/pipeline/logs/kafka/worker.test.js']

class LongSuitesFirst extends BaseSequencer {
  async sort(files) {
    const sorted = await super.sort(files)
    const isLong = ({ moduleId }) => longSuites.some((suite) => moduleId.endsWith(suite))
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))]
  }
}

/** Tests run as compiled, so that worker threads and child processes load the very files a user runs. */
export default defineConfig({
  test: {
    include: ['dist/**/*.test.js'],
    pool: 'forks',
    sequence: { sequencer: LongSuitesFirst },
    reporters: ['default', namesSkips()],
    // Tests on Kafka wait more than they work.
    maxWorkers: 2,
    // They start nothing before a test file asks for it.
    globalSetup: [
      'dist/testing/logs/kafka/broker-on-demand-sample.js',
      'dist/testing/registry/registry-on-demand-sample.js',
    ],
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
