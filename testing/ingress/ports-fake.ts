/** A fake of everything the ingress needs, in memory, for its tests: no pipeline runs behind it. Tests move
 *  notifications along with `record`. */

import type { IngressObserver, RequestLogEntry } from '../../ingress/observer.js'
import type { IngressOptions } from '../../ingress/options.js'
import type {
  DeadLetterFilter,
  DeadLetterRecord,
  InboxMessage,
  IngressPorts,
  OutboxMessage,
} from '../../ingress/ports.js'
import type { CancelRequested, NotificationRequested, ReplayRequested } from '../../schemas/events.js'
import type { NotificationRecord } from '../../schemas/record.js'
import { createFakeStore, pageOf } from './store-fake.js'

/** What tests see of the fake, and how they drive it. */
export interface FakePorts extends IngressPorts {
  readonly accepted: NotificationRequested[]
  readonly cancels: { readonly command: CancelRequested; readonly lane: string }[]
  readonly logged: RequestLogEntry[]
  readonly letters: Map<string, DeadLetterRecord>
  readonly replays: ReplayRequested[]
  readonly inboxMessages: InboxMessage[]
  readonly outboxMessages: OutboxMessage[]
  /** Every port rejects with it while it is set. */
  failure: Error | null
  /** Claims stay pending while true. */
  pending: boolean
  notReady: readonly string[]
  /** Runs when a cancel command came in. */
  onCancel: (command: CancelRequested) => void
  /** Runs when a replay was asked for; puts a dead letter back unless the test says otherwise. */
  onReplay: (command: ReplayRequested) => void
  watchers: number
  /** Records a change, as the record stage would. */
  record(id: string, change: Partial<NotificationRecord>): void
}

const nothing = () => undefined
/** Told, and lets it go. */
export const unobserved: IngressObserver = {
  requests: nothing,
  accepted: nothing,
  replayed: nothing,
  watchers: nothing,
}

/** Options with everything off, and no waiting. */
export const fakeOptions: IngressOptions = {
  apiKey: null,
  corsOrigins: [],
  settleWaitMs: 0,
  dedupeWindowMs: 10_800_000,
  retryBounds: { minWaitMs: 1000, maxGiveUpAfterMs: 604_800_000 },
  version: '0.0.0',
  trustedProxies: [],
  compat: { a: true, b: { requestsPerMinute: null, duplicateWindowMs: 10_800_000 }, c: true },
}

/** The fake's time when it starts: 2030-01-01. */
export const fakeNowMs = Date.UTC(2030, 0, 1)

export function createFakePorts(): FakePorts {
  const store = createFakeStore()
  let made = 0
  const fake: FakePorts = {
    ...store.state,
    failure: null,
    pending: false,
    notReady: [],
    onCancel: () => {},
    onReplay: ({ letterId }) => {
      const letter = store.state.letters.get(letterId)
      if (letter?.status === 'dead') store.state.letters.set(letterId, { ...letter, status: 'replayed' })
    },
    watchers: 0,
    nowMs: () => fakeNowMs,
    newId: () => uuid7(++made),
    log: (entry) => store.state.logged.push(entry),
    observer: unobserved,
    acceptor: {
      recall: async (_, key) => (fake.pending ? undefined : store.recall(key)),
      accept: (notifications, claim) => guarded(() => store.accept(notifications, claim, fake.pending)),
      cancel: (command, lane) =>
        guarded(() => {
          store.state.cancels.push({ command, lane })
          fake.onCancel(command)
        }),
    },
    records: {
      get: (_tenant, id) => guarded(() => store.records.get(id)),
      list: (query) => guarded(() => store.list(query)),
      batch: (_tenant, id) => guarded(() => store.batch(id)),
      stats: () =>
        guarded(() => ({
          email: {
            sent: 1,
            failed: 1,
            simulated: 0,
            successRate: 0.5,
            latencyMs: { mean: 1.5, p50: 1, p95: 2, p99: 3 },
          },
        })),
      watch: (onChange, onReady) => {
        fake.watchers += 1
        onReady?.()
        store.watchers.add(onChange)
        return () => {
          fake.watchers -= 1
          store.watchers.delete(onChange)
        }
      },
    },
    ...referencePorts(store, guarded),
    ...operationPorts(store, guarded, () => fake),
    record: store.record,
  }
  return fake

  async function guarded<T>(act: () => T): Promise<T> {
    if (fake.failure) throw fake.failure
    return act()
  }
}

type Store = ReturnType<typeof createFakeStore>
type Guarded = <T>(act: () => T) => Promise<T>

function referencePorts(store: Store, guarded: Guarded): Pick<IngressPorts, 'templates' | 'recipients' | 'inbox'> {
  return {
    templates: {
      get: (_tenant, id) => guarded(() => store.templates.get(id)),
      list: (_tenant, limit, cursor) => guarded(() => pageOf([...store.templates.values()], limit, cursor)),
      put: (_tenant, template, expected) =>
        guarded(() => {
          if ((store.templates.get(template.id)?.version ?? 0) !== expected) return 'conflict'
          store.templates.set(template.id, template)
          return 'written'
        }),
      delete: (_tenant, id) => guarded(() => store.templates.delete(id)),
    },
    recipients: {
      get: (_tenant, id) => guarded(() => store.recipients.get(id)),
      put: (_tenant, recipient) => guarded(() => void store.recipients.set(recipient.id, recipient)),
      delete: (_tenant, id) => guarded(() => store.recipients.delete(id)),
    },
    inbox: {
      list: (_tenant, _recipient, limit, cursor) =>
        guarded(() => {
          const messages = store.state.inboxMessages
          return { ...pageOf(messages, limit, cursor), unread: messages.filter(({ readAt }) => !readAt).length }
        }),
      arrivals: (_tenant, _recipient, after, limit) =>
        guarded(() => {
          const { data } = pageOf(store.state.inboxMessages, limit, after)
          return data.map((message, at) => ({ message, place: String(Number(after) + at + 1) }))
        }),
      lastArrival: () => guarded(() => String(store.state.inboxMessages.length)),
      markRead: (_tenant, _recipient, messageId) =>
        guarded(() => store.state.inboxMessages.some(({ id }) => id === messageId)),
    },
  }
}

function operationPorts(
  { state }: Store,
  guarded: Guarded,
  fake: () => Pick<FakePorts, 'notReady' | 'onReplay'>,
): Pick<IngressPorts, 'outbox' | 'deadLetters' | 'flow' | 'templateCheck'> {
  const stage = {
    stage: 'dedupe',
    input: 'notifications.requested',
    outputs: ['notifications.accepted'],
    state: 'running' as const,
    processed: 1,
    perSecond: 1,
    lag: { high: 0, normal: 1, low: 2 },
    restarts: 0,
    behind: {
      ...{ ageMs: 5, retentionUsed: 0.1, lost: 0, drainMs: 'never' as const, members: 1 },
      lanes: { high: { ageMs: 0, retentionUsed: 0, lost: 0 } },
    },
  }
  return {
    outbox: { list: (_tenant, limit, cursor) => guarded(() => pageOf(state.outboxMessages, limit, cursor)) },
    deadLetters: {
      list: ({ limit, cursor, ...filter }) => guarded(() => pageOf(lettersOf(state.letters, filter), limit, cursor)),
      count: (filter, most) =>
        guarded(() => {
          const wanted = lettersOf(state.letters, filter)
          const groups = wanted.slice(0, most).map(({ stage, cause }) => ({ stage, cause, count: 1 }))
          return { groups, complete: wanted.length < most }
        }),
      get: (id) => guarded(() => state.letters.get(id)),
      requestReplays: (commands) =>
        guarded(() => {
          state.replays.push(...commands)
          for (const command of commands) fake().onReplay(command)
        }),
    },
    flow: {
      askLog: () => guarded(() => undefined),
      stalled: async () => [],
      topology: () => guarded(() => ({ stages: ['dedupe'] })),
      stages: () => guarded(() => [stage]),
      problems: () => guarded(() => fake().notReady),
      metrics: () => guarded(() => '# HELP carillon_up Whether it runs.\ncarillon_up 1\n'),
    },
    templateCheck: {
      problems: (channels) => guarded(() => brokenSources(channels, '')),
      preview: (_channel, source, variables) => guarded(() => previewOf(source, variables)),
    },
  }
}

function lettersOf(
  letters: ReadonlyMap<string, DeadLetterRecord>,
  { stage, cause, status, fromMs = 0, toMs = Number.POSITIVE_INFINITY }: DeadLetterFilter,
): DeadLetterRecord[] {
  return [...letters.values()].filter((letter) => {
    const at = Date.parse(letter.at)
    return (
      letter.stage === (stage ?? letter.stage) &&
      letter.cause === (cause ?? letter.cause) &&
      letter.status === (status ?? letter.status) &&
      at >= fromMs &&
      at < toMs
    )
  })
}

/** Takes an opening brace that is never closed for a syntax error. */
function brokenSources(value: unknown, path: string): { path: string; message: string }[] {
  if (typeof value === 'string') {
    return /\{\{(?![^{]*\}\})/.test(value) ? [{ path, message: 'Not closed.' }] : []
  }
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => brokenSources(inner, path === '' ? key : `${path}.${key}`))
}

type Sources = Parameters<IngressPorts['templateCheck']['preview']>[1]

/** Renders plain variables. */
function previewOf(source: Sources, variables: Readonly<Record<string, unknown>>) {
  const missing: string[] = []
  const rendered = Object.entries(source).map(([part, text]: [string, string]) => {
    const value = text.replaceAll(/\{\{ *(\w+) *\}\}/g, (_whole, name: string) => {
      if (!Object.hasOwn(variables, name)) missing.push(name)
      return String(variables[name])
    })
    return [part, value]
  })
  const [first] = missing
  if (first !== undefined) {
    return { ok: false as const, reason: 'missing-variable', detail: `The variable ${first} is missing.` }
  }
  return { ok: true as const, message: Object.fromEntries(rendered) as Sources }
}

/** A UUIDv7 of the fake's time. */
function uuid7(count: number): string {
  const time = fakeNowMs.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${count.toString(16).padStart(12, '0')}`
}
