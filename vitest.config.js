import { defineConfig } from 'vitest/config'
import { namesSkips } from './dist/pipeline/skips-under-test.js'

/** Tests run as compiled, so that worker threads and child processes load the very files a user runs. */
export default defineConfig({
  test: {
    include: ['dist/**/*.test.js'],
    pool: 'forks',
    reporters: ['default', namesSkips()],
    // Tests on Kafka wait more than they work.
    maxWorkers: 2,
    // They start nothing before a test file asks for it.
    globalSetup: [
      'dist/pipeline/kafka/broker-on-demand.sample.js',
      'dist/pipeline/registry/registry-on-demand.sample.js',
    ],
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
