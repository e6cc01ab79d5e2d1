/** A configuration under which everything can happen within a minute. */

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
