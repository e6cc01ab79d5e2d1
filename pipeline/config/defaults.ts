/** Every default of the configuration, each with its reason. */
import { streams } from '../../schemas/streams.js'

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour
const mebibyte = 1024 * 1024

const soon = {
  scheduleMs: [2 * second, 10 * second, 30 * second, 2 * minute, 10 * minute, 30 * minute, 1 * hour],
  giveUpAfterMs: 4 * hour,
}

export const defaults = {
  /** Nothing is open to the network that was not asked to be. */
  host: '127.0.0.1',
  port: 3000,
  /** OpenTelemetry's port for a Prometheus exporter. */
  opsPort: 9464,
  /** Where no load balancer asks, nobody is to be told. */
  leaveMs: 0,
  dataFolder: './data',
  logLevel: 'info',

  /** As the systems that Carillon replaces keep their duplicates. */
  dedupeWindowMs: 3 * hour,
  /** Four segments are what carriers join reliably, and four times the price of one. */
  smsSegments: 4,
  /** Two polls of deliver: it never runs dry while a commit is under way, and a cancel still means something. */
  deliverWindow: 512,

  /** The waits between calls, and when a delivery is given up. A receiver that is being deployed is back within minutes, one
   *  that is broken on the next working day. A greylisting mail server takes it after some minutes, and e-mail may be
   *  late. Who waits for a text message or a push does not wait for long. */
  retry: {
    webhook: {
      scheduleMs: [
        5 * second,
        30 * second,
        2 * minute,
        10 * minute,
        30 * minute,
        2 * hour,
        6 * hour,
        12 * hour,
        24 * hour,
      ],
      giveUpAfterMs: 3 * day,
    },
    email: {
      scheduleMs: [30 * second, 2 * minute, 10 * minute, 30 * minute, 1 * hour, 2 * hour, 4 * hour],
      giveUpAfterMs: 2 * day,
    },
    sms: soon,
    push: soon,
    slack: soon,
    inapp: soon,
  },
  /** Before those: what is of high priority is often a code that somebody waits for. */
  retryFirstMs: [1 * second, 2 * second, 5 * second, 15 * second],
  /** A request may be as patient as a webhook, and more; not as impatient as to burden a provider. */
  requestMinWaitMs: 1 * second,
  requestMaxGiveUpAfterMs: 7 * day,
  /** Cancels and outcomes are remembered no longer. */
  retryMemoryMs: 30 * day,
  /** Contract C: a blip is over within a second or two; twice as long each time, with full jitter. */
  retryBaseMs: 1 * second,
  /** Past five minutes a longer wait helps no provider, and makes the message stale. */
  retryMaxMs: 5 * minute,
  /** Five in a row are no coincidence. */
  breakerFailures: 5,
  /** One probe each half minute burdens no sick provider. */
  breakerHalfOpenAfterMs: 30 * second,
  /** Each probe in vain doubles the time to the next, up to here: what is away for an hour is seldom back within seconds. */
  breakerMaxHalfOpenAfterMs: 5 * minute,

  /** A month answers most questions of "did it arrive?". */
  recordsDays: 30,
  inboxDays: 90,
  /** What all stages have consumed is kept a week to be read again, as schemas/streams.ts says for every log … */
  logHours: 7 * 24,
  /** … or until it takes this much of the disk. */
  logBytes: 1024 * mebibyte,

  /** A plain template takes under 1 ms; half a second is a loop, or as good as one. */
  renderTimeLimitMs: 500,
  /** Twice what a mail client shows before it clips (Gmail: 102 KiB). */
  renderOutputBytes: 256 * 1024,
  /** While one is killed for a runaway template the other goes on. */
  renderWorkers: 2,

  /** Divides by 1, 2, 4 and 8 processes. Each partition costs every stage a lane's worth of state; it cannot be changed
   *  later without moving that state. */
  kafkaPartitions: 8,
  kafkaRetentionHours: streams['notifications.requested'].retentionMs / hour,
  kafkaDeadLettersRetentionHours: streams['dead-letters'].retentionMs / hour,
  /** As Kafka's own. A process that was away for less than half of it goes on with its local state. */
  kafkaDeleteRetentionHours: 24,

  /** As often as Prometheus looks, and a little more. */
  lagEveryMs: 10 * second,

  /** Enough to see how it goes, at no cost that shows. What fails is traced whatever this says. */
  traceRatio: 0.01,

  /** Many times what a registry takes; a start or a record with a new schema waits no longer. */
  registryTimeoutMs: 5 * second,

  /** What the systems that Carillon answers for promised: see ingress/compat. */
  compatRequestsPerMinute: 30,
  compatDuplicateWindowMs: 3 * hour,
  compatRatePerSecond: 100,

  onUnknown: 'resend',
  /** By kind of provider: calls under way at once, and when one is given up. */
  policies: {
    /** Connections to one relay; most allow 10 to 20 from one address. A greeting may take 30 s (RFC 5321 allows 5 min). */
    smtp: { concurrency: 8, timeoutMs: 30 * second },
    /** Many hosts, each its own; Standard Webhooks advises 15 to 30 s. */
    webhook: { concurrency: 64, timeoutMs: 15 * second },
    http: { concurrency: 32, timeoutMs: 10 * second },
    /** Writes to the local store, which groups what comes together. */
    inbox: { concurrency: 256, timeoutMs: 10 * second },
    outbox: { concurrency: 256, timeoutMs: 10 * second },
  },
} as const
