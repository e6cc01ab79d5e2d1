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

/** The slow suites, each by what it starts: `npm test -- --project kafka`. Everything else is `fast`. */
const slow = {
  /** A real broker, and on it whole Carillons, the load balancer and a real registry. */
  kafka: [
    'dist/pipeline/{logs,run}/kafka/**/*.test.js',
    'dist/pipeline/cli/{lag,topics}.test.js',
    'dist/pipeline/observe/tracing/whole-carillon.test.js',
    'dist/pipeline/registry/real-registry.test.js',
    'dist/testing/contracts/**/*.test.js',
    'dist/bench/kafka.test.js',
  ],
  /** Prometheus and promtool: dashboards, rules and alerts. */
  prometheus: ['dist/grafana/**/*.test.js'],
  /** Chromium: the console. */
  browser: ['dist/ingress/console/**/*.test.js'],
}

const project = (name, include, exclude = []) => ({ extends: true, test: { name, include, exclude } })

/** Tests run as compiled, so that worker threads and child processes load the very files a user runs. */
export default defineConfig({
  test: {
    projects: [
      ...Object.entries(slow).map(([name, include]) => project(name, include)),
      project('fast', ['dist/**/*.test.js'], Object.values(slow).flat()),
    ],
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
    // Tests wait for conditions, on machines that differ and are shared: these only end what hangs.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 60_000 } },
  },
})
