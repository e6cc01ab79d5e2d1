/** When deliveries are tried again: by channel, by provider, by priority, and what a request may ask for. */
import { z } from 'zod'
import { durationText, parseDuration } from '../../schemas/duration.js'
import { giveUpFault, type RetryBounds, scheduleFault } from '../../schemas/retry-rules.js'
import { type Channel, channels, type Lane } from '../../schemas/streams.js'
import { defaults } from './defaults.js'
import { section, whole } from './fields.js'

/** Waits between calls, the last of which repeats, and the end. In milliseconds. */
export interface RetryConfig {
  readonly scheduleMs: readonly number[]
  readonly giveUpAfterMs: number
}

/** Cancels and outcomes are remembered as long as the longest of what this allows, see `longestRetryMs`. */
const operatorBounds: RetryBounds = { minWaitMs: 10, maxGiveUpAfterMs: defaults.retryMemoryMs }

const durationError = 'must be a duration like 30s, 5m or 2d, or a number of milliseconds'
const duration = z.union([z.string(), z.number()], { error: durationError }).transform((value, { addIssue }) => {
  const ms = parseDuration(value)
  if (ms === null) addIssue({ code: 'custom', message: durationError })
  return ms ?? 0
})

const schedule = z
  .array(duration, { error: 'must be a list of durations, like [30s, 2m, 1h]' })
  .superRefine((waits, { addIssue }) => {
    const message = scheduleFault(waits, operatorBounds)
    if (message) addIssue({ code: 'custom', message })
  })

const giveUpAfter = duration.superRefine((ms, { addIssue }) => {
  const message = giveUpFault(ms, operatorBounds)
  if (message) addIssue({ code: 'custom', message: `${message}: cancels and outcomes are not remembered for longer` })
})

const scheduleWords = 'The waits between calls; the last one repeats. Each is up to a fifth shorter or longer.'
const giveUpWords = 'How long after the first call, or after a breaker first held it back, a delivery is given up.'
/** In words, for the documentation: what stands behind a transform has no form in JSON Schema. */
const waitsWords = 'a list of 1 to 50 durations like 30s or 5m, or of milliseconds, none shorter than the one before'
const endWords = 'a duration like 5m or 2d, or milliseconds, up to 30d'
const listed = (waitsMs: readonly number[]) => waitsMs.map(durationText).join(', ')

/** A provider's own; what is left out is its channel's. */
export const retryOverride = section({
  schedule: schedule.optional().meta({ unset: 'as its channel', accepts: waitsWords, description: scheduleWords }),
  giveUpAfter: giveUpAfter.optional().meta({ unset: 'as its channel', accepts: endWords, description: giveUpWords }),
})

function channelRetry(channel: Channel) {
  const usual = defaults.retry[channel]
  return section({
    schedule: schedule
      .default([...usual.scheduleMs])
      .meta({ unset: listed(usual.scheduleMs), accepts: waitsWords, description: scheduleWords }),
    giveUpAfter: giveUpAfter
      .default(usual.giveUpAfterMs)
      .meta({ unset: durationText(usual.giveUpAfterMs), accepts: endWords, description: giveUpWords }),
  }).prefault({})
}

const firstWords = 'Waits of this priority that come before those of the channel.'

/** `retry` in the file. */
export const retrySection = section({
  email: channelRetry('email'),
  sms: channelRetry('sms'),
  push: channelRetry('push'),
  inapp: channelRetry('inapp'),
  webhook: channelRetry('webhook'),
  slack: channelRetry('slack'),
  /** Waits of a priority that come before those of its channel. */
  first: section({
    high: schedule
      .default([...defaults.retryFirstMs])
      .meta({ unset: listed(defaults.retryFirstMs), accepts: waitsWords, description: firstWords }),
    normal: schedule.optional().meta({ unset: 'none', accepts: waitsWords, description: firstWords }),
    low: schedule.optional().meta({ unset: 'none', accepts: waitsWords, description: firstWords }),
  }).prefault({}),
  requests: section({
    minWait: duration.default(defaults.requestMinWaitMs).meta({
      unset: durationText(defaults.requestMinWaitMs),
      accepts: endWords,
      description: 'The shortest wait that a request may ask for.',
    }),
    maxGiveUpAfter: giveUpAfter.default(defaults.requestMaxGiveUpAfterMs).meta({
      unset: durationText(defaults.requestMaxGiveUpAfterMs),
      accepts: endWords,
      description: 'The latest end that a request may ask for.',
    }),
  }).prefault({}),
  /** Of contract C. */
  baseMs: whole(10, 3_600_000)
    .default(defaults.retryBaseMs)
    .meta({ description: 'The longest first wait of contract C. Each later one may be twice as long.' }),
  maxMs: whole(10, 86_400_000)
    .default(defaults.retryMaxMs)
    .meta({ description: 'The longest wait of contract C; at least `retry.baseMs`.' }),
}).refine(({ baseMs, maxMs }) => maxMs >= baseMs, { path: ['maxMs'], error: 'must be at least retry.baseMs' })

/** How all deliveries are retried. */
export interface RetriesConfig {
  readonly byChannel: Readonly<Record<Channel, RetryConfig>>
  /** Before the waits of the channel. */
  readonly firstMs: Readonly<Record<Lane, readonly number[]>>
  readonly requests: RetryBounds
  /** Contract C's first wait, and the longest. */
  readonly baseMs: number
  readonly maxMs: number
}

export function resolveRetries(file: z.infer<typeof retrySection>): RetriesConfig {
  const { first, requests, baseMs, maxMs } = file
  const byChannel = channels.map((channel) => {
    const { schedule: scheduleMs, giveUpAfter: giveUpAfterMs } = file[channel]
    return [channel, { scheduleMs, giveUpAfterMs }]
  })
  return {
    byChannel: Object.fromEntries(byChannel) as Record<Channel, RetryConfig>,
    firstMs: { high: first.high, normal: first.normal ?? [], low: first.low ?? [] },
    requests: { minWaitMs: requests.minWait, maxGiveUpAfterMs: requests.maxGiveUpAfter },
    baseMs,
    maxMs,
  }
}
