/** Kills a real Carillon again and again under load, and counts what became of everything it accepted. What counts is
 *  said by others than Carillon: its HTTP answers, and the receiver of its webhooks. */

import { setTimeout as delay } from 'node:timers/promises'
import { seededRandom } from '../pipeline/engine/seeded-random.js'
import { askUntilEnded, postAll } from './faults-requests.js'
import { type Receiver, startReceiver } from './http.js'
import { monotonicMs } from './latency.js'
import { type Engine, inPlace, type Place } from './place.js'
import { progressBar } from './run.js'
import { type Tally, tallyTopics } from './tally.js'
import { startVictim, type Victim } from './victim.js'

export interface FaultsRun {
  readonly seed: number
  /** Notifications answered with 202. */
  readonly accepted: number
  /** Of these, those whose status says that they have ended. */
  readonly terminal: number
  /** Accepted, and not ended or never seen by the receiver. */
  readonly lost: number
  /** Calls with a key that the receiver had seen before. */
  readonly duplicateProviderCalls: number
  readonly distinctKeys: number
  readonly kills: number
}

export interface FaultsReport {
  readonly run: FaultsRun
  /** Of the repeated calls, those with no kill between them and the call before: there must be none. */
  readonly unexplained: number
  /** What is known of a few that were lost. */
  readonly lost: readonly string[]
  /** What the reader of the topics found; null where there was none. */
  readonly topics: Tally | null
}

export interface FaultsOptions {
  readonly kills: number
  readonly count: number
  readonly seed: number
}

const answersWithinMs = 40
/** From the moment a kill is due to the kill: long enough to hit any stage at work. */
const killWithinMs = 400

/** Embedded one process, on Kafka the ingress and six stages as seven, killed at random. There an independent reader of
 *  the topics is a witness beside the receiver: each notification is in each of them, and no stage wrote one twice. */
export function faults(engine: Engine, options: FaultsOptions): Promise<FaultsReport> {
  return inPlace(engine, { environment: { CARILLON_WEBHOOK_ALLOW: '127.0.0.1' } }, async (place) => {
    const report = await faultsIn(place, options)
    const topics = engine === 'kafka' ? await tallyTopics(place, report.ids) : null
    const lost = report.run.lost + (topics?.lost ?? 0)
    if (lost > 0 || report.unexplained > 0 || (topics?.duplicates ?? 0) > 0) place.keep()
    return { ...report, run: { ...report.run, lost }, topics }
  })
}

async function faultsIn(place: Place, options: FaultsOptions) {
  const receiver = await startReceiver(seededRandom(options.seed + 1), answersWithinMs)
  const over = new AbortController()
  try {
    const victim = await startVictim(place)
    try {
      return await Promise.race([killUnderLoad(options, victim, receiver, over.signal), victim.failed])
    } finally {
      over.abort()
      await victim.stop()
    }
  } finally {
    receiver.close()
  }
}

async function killUnderLoad(options: FaultsOptions, victim: Victim, receiver: Receiver, over: AbortSignal) {
  const { kills, count, seed } = options
  const random = seededRandom(seed)
  const moments = Array.from({ length: kills }, () => Math.floor(random() * count)).sort((a, b) => a - b)
  const bar = progressBar('accepting', count)
  let accepted = 0
  const killing = killAt(moments, () => accepted, victim, random, over)
  killing.catch(() => undefined)
  const progress = (now: number) => {
    accepted = now
    bar.update(now)
  }
  const ids = await postAll({ target: victim.target, receiver: receiver.address, count, progress, over })
  bar.stop()
  const killedAtMs = await killing
  const open = await askUntilEnded(victim.target, ids)
  return { ...judge({ seed, ids, open, calls: receiver.calls, killedAtMs }), ids }
}

/** Kills at each moment, counted in notifications accepted, and a little later. Resolves with the times. */
async function killAt(
  moments: readonly number[],
  accepted: () => number,
  victim: Victim,
  random: () => number,
  over: AbortSignal,
): Promise<number[]> {
  const killedAtMs: number[] = []
  for (const moment of moments) {
    while (accepted() < moment) await delay(5, undefined, { signal: over })
    await delay(random() * killWithinMs)
    await victim.kill(random)
    killedAtMs.push(monotonicMs())
  }
  return killedAtMs
}

export interface Evidence {
  readonly seed: number
  /** Everything accepted. */
  readonly ids: readonly string[]
  /** Of these, what has not ended, and what it says. */
  readonly open: ReadonlyMap<string, string>
  /** As the receiver counted them. */
  readonly calls: Receiver['calls']
  /** On the monotonic clock. */
  readonly killedAtMs: readonly number[]
}

/** What the evidence says. */
export function judge({ seed, ids, open, calls, killedAtMs }: Evidence): Omit<FaultsReport, 'topics'> {
  const lost = ids.flatMap((id) => {
    if (open.has(id)) return [`${id} has not ended: ${open.get(id)}`]
    return calls.has(`${id}.webhook`) ? [] : [`${id} has ended, and the receiver never saw it`]
  })
  const repeats = [...calls.values()].flatMap((times) => times.slice(1).map((at, before) => [times[before] ?? at, at]))
  const explained = repeats.filter(([from = 0, to = 0]) => killedAtMs.some((at) => at > from && at < to))
  const run = {
    seed,
    accepted: ids.length,
    terminal: ids.length - open.size,
    lost: lost.length,
    duplicateProviderCalls: repeats.length,
    distinctKeys: calls.size,
    kills: killedAtMs.length,
  }
  return { run, unexplained: repeats.length - explained.length, lost: lost.slice(0, 20) }
}
