/** What a load that does not last long runs with: a configuration under which everything can happen within a minute, and
 *  the rules of grafana/rules, evaluated each second whatever they say. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../compose-under-test.js'

/** `provider`: its URL. */
export function loadSettings(provider: string) {
  return {
    providers: [
      { name: 'mail', kind: 'http', channels: ['email'], url: `${provider}/mail`, ratePerSecond: 5 },
      { name: 'gateway', kind: 'http', channels: ['sms', 'push'], url: `${provider}/gateway` },
      { name: 'hooks', kind: 'webhook', channels: ['webhook'], allow: ['127.0.0.1'], concurrency: 2 },
      { name: 'chat', kind: 'http', channels: ['slack'], url: `${provider}/ill` },
    ],
    retry: {
      ...Object.fromEntries(
        ['email', 'sms', 'push', 'webhook', 'slack'].map((channel) => [
          channel,
          { schedule: [200, 1000], giveUpAfter: '3s' },
        ]),
      ),
      first: { high: [100] },
    },
    breaker: { failures: 3, halfOpenAfterMs: 2000 },
    lag: { everyMs: 1000 },
    // To a collector that takes nothing.
    tracing: { endpoint: provider, sampleRatio: 0.2 },
    compat: { a: { demoUsers: true }, b: { requestsPerMinute: 60 } },
  }
}

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
