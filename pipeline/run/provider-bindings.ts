/** Makes the providers of the configuration. Adding a kind of provider is a file in stages/deliver and a case here. */

import { httpProvider } from '../../stages/deliver/providers/http.js'
import { type InboxStore, inboxProvider } from '../../stages/deliver/providers/inbox.js'
import { type OutboxLine, type OutboxStore, outboxProvider } from '../../stages/deliver/providers/outbox.js'
import type { Provider, ProviderBinding } from '../../stages/deliver/providers/provider.js'
import { smtpProvider } from '../../stages/deliver/providers/smtp.js'
import { webhookProvider } from '../../stages/deliver/providers/webhook.js'
import type { ProviderConfig } from '../config/providers.js'

export interface BindingPorts {
  readonly inbox: InboxStore
  readonly outbox: OutboxStore
  readonly announce: (announcement: OutboxLine) => void
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number
}

/** The bindings by name. */
export function createBindings(configs: readonly ProviderConfig[], ports: BindingPorts): Map<string, ProviderBinding> {
  return new Map(configs.map((config) => [config.name, { provider: create(config, ports), policy: config.policy }]))
}

function create(config: ProviderConfig, { inbox, outbox, announce, nowMs }: BindingPorts): Provider {
  const { name, policy } = config
  const { timeoutMs, concurrency } = policy
  switch (config.kind) {
    case 'smtp':
      return smtpProvider({ name, url: config.url, from: config.from, connections: concurrency })
    case 'webhook':
      return webhookProvider({ name, secret: config.secret, allow: config.allow, timeoutMs, concurrency, nowMs })
    case 'http': {
      const token = config.secret === null ? {} : { token: config.secret }
      const channels = config.channels.length
      return httpProvider({ name, url: config.url, channels, timeoutMs, maxSockets: concurrency, nowMs, ...token })
    }
    case 'inbox':
      return inboxProvider(inbox, { name })
    case 'outbox':
      return outboxProvider({ name, store: outbox, announce, nowMs })
  }
}
