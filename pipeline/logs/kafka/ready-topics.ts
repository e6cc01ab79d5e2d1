/** What a process does about topics before it reads any: a consumer of topics that are not there, or that have no
 *  partitions, would wait for ever without a word. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Unavailable } from '../../../schemas/errors.js'
import type { KafkaConfig } from '../../config/kafka.js'
import { compareTopics, ensureTopics, type TopicDifference } from './topic-admin.js'
import { carillonTopics } from './topics.js'

export interface ReadyTopicsOptions {
  /** Creates what is missing. */
  readonly create: boolean
  /** Told what is waited for, once for as long as it stays the same, and what differs and does no harm. */
  readonly say: (line: string) => void
  /** Ends the wait. */
  readonly signal: AbortSignal
}

/** Topics are there, and Carillon must not run on them. */
export class TopicsUnfit extends Error {
  override readonly name = 'TopicsUnfit'
  readonly code = 'topics-unfit'
}

const firstPauseMs = 500
/** The broker is not asked more often than that, however long it takes. */
const longestPauseMs = 10_000
const maxShown = 5

/** Resolves when every topic is there and fit. Rejects with `TopicsUnfit`, with `KafkaMissing`, or with the signal's
 *  reason; while topics are missing or no broker answers, it says so and looks again. */
export async function readyTopics(kafka: KafkaConfig, { create, say, signal }: ReadyTopicsOptions): Promise<void> {
  let said = ''
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    signal.throwIfAborted()
    const obstacle = await look(kafka, create, say)
    if (obstacle === null) return
    if (obstacle !== said) say(obstacle)
    said = obstacle
    await sleep(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted())
  }
}

/** What is to be waited for; null for nothing. */
async function look(kafka: KafkaConfig, create: boolean, say: (line: string) => void): Promise<string | null> {
  try {
    const differences = await differencesNow(kafka, create, say)
    const missing = differences.filter(({ what }) => what === 'missing')
    const unfit = differences.filter(({ what, fatal }) => fatal && what !== 'missing')
    if (unfit.length > 0) throw new TopicsUnfit(unfitText(unfit))
    if (missing.length > 0) return missingText(missing)
    const harmless = differences.filter(({ found }) => found !== 'unknown')
    if (harmless.length > 0)
      say(`Topics differ from the configuration: ${listed(harmless)}. See: carillon topics check`)
    return null
  } catch (error) {
    if (error instanceof Unavailable) return `Waiting for Kafka: ${error.message}`
    throw error
  }
}

async function differencesNow(
  kafka: KafkaConfig,
  create: boolean,
  say: (line: string) => void,
): Promise<readonly TopicDifference[]> {
  const { connection, replicationFactor } = kafka
  const wanted = carillonTopics(kafka)
  if (!create) return compareTopics(connection, wanted, replicationFactor)
  const { created, differences } = await ensureTopics(connection, wanted, replicationFactor)
  if (created.length > 0) say(`Created ${created.length} topics`)
  return differences
}

function missingText(missing: readonly TopicDifference[]): string {
  const [first] = missing
  const which =
    missing.length === 1
      ? `The topic ${first?.topic} is missing`
      : `${missing.length} topics are missing, like ${first?.topic}`
  return `${which}: run carillon topics create, or start with --create-topics. Waiting for them.`
}

/** What is wrong with topics that are there, and what to do. */
export function unfitText(unfit: readonly TopicDifference[]): string {
  const counts = unfit.filter(({ what }) => what === 'partitions')
  const [count] = counts
  const agree = counts.every(({ wanted, found }) => found === count?.found && wanted === count.wanted)
  const remedy =
    count && agree
      ? `Set kafka.partitions to ${count.found} if all topics have so many, or create these anew`
      : 'Create these anew, or correct their settings'
  return `Carillon cannot run on these topics: ${listed(unfit)}. ${remedy}; carillon topics check shows all.`
}

function listed(differences: readonly TopicDifference[]): string {
  const shown = differences
    .slice(0, maxShown)
    .map(({ topic, what, wanted, found }) => `${topic} has ${what} ${found}, not ${wanted}`)
  const more = differences.length - shown.length
  return [...shown, ...(more > 0 ? [`${more} more`] : [])].join('; ')
}
