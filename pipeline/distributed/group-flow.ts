/** How the stages flow, as the log tells it: whichever processes run them, and however many. */
import { Subscription } from 'rxjs'
import type { StageFlow } from '../../ingress/ports.js'
import { waysOf } from '../../schemas/topics.js'
import { type StageName, stageNames } from '../../stages/stage.js'
import type { Log } from '../engine/log.js'
import { topology } from '../topology.js'

export interface GroupFlow {
  /** Rejects with `Unavailable`. */
  stages(): Promise<readonly StageFlow[]>
  stop(): void
}

const sampleMs = 1000
/** Rates are means over this many samples. */
const samplesKept = 5
/** Nobody has looked for so long: positions are not asked for any more. */
const idleMs = 60_000

/** `local`: what this process runs itself, which it knows better. */
export function groupFlow(
  log: Log,
  local: () => ReadonlyMap<string, Pick<StageFlow, 'state' | 'restarts'>>,
): GroupFlow {
  const samples = new Map<StageName, number[]>(stageNames.map((name) => [name, []]))
  let watching: Subscription | null = null
  let lookedMs = 0
  let sampler: NodeJS.Timeout | null = null

  return {
    async stages() {
      lookedMs = Date.now()
      begin()
      const here = local()
      return Promise.all(stageNames.map((name) => flowOf(name, here.get(name))))
    },
    stop: end,
  }

  /** Positions are told only while somebody listens. */
  function begin(): void {
    if (watching) return
    watching = new Subscription()
    for (const name of stageNames) watching.add(log.settlements(name).subscribe())
    sample()
    sampler = setInterval(() => (Date.now() - lookedMs > idleMs ? end() : sample()), sampleMs)
    sampler.unref()
  }

  function end(): void {
    watching?.unsubscribe()
    watching = null
    if (sampler) clearInterval(sampler)
    sampler = null
    for (const kept of samples.values()) kept.length = 0
  }

  function sample(): void {
    for (const [name, kept] of samples) {
      kept.push(settledBy(name))
      if (kept.length > samplesKept + 1) kept.shift()
    }
  }

  function settledBy(name: StageName): number {
    const partitions = Array.from({ length: log.partitions }, (_, partition) => partition)
    return inputOf(name)
      .flatMap((way) => partitions.map((partition) => log.settled(name, { way, partition })))
      .reduce((sum, count) => sum + count, 0)
  }

  async function flowOf(name: StageName, here: Pick<StageFlow, 'state' | 'restarts'> | undefined): Promise<StageFlow> {
    const lag: Record<string, number> = {}
    for (const { way, records } of await log.lag(name, inputOf(name))) {
      const lane = way.lane ?? 'all'
      lag[lane] = (lag[lane] ?? 0) + records
    }
    const kept = samples.get(name) ?? []
    // What was settled before anybody looked is heard of late: it is no rate.
    const [first = 0] = kept.filter((count) => count > 0)
    const spanned = ((kept.at(-1) ?? 0) - first) / Math.max(1, kept.length - 1)
    const described = topology().stages.find((stage) => stage.name === name)
    return {
      stage: name,
      input: described?.input ?? '',
      outputs: described?.outputs ?? [],
      state: here?.state ?? 'running',
      processed: kept.at(-1) ?? 0,
      perSecond: Math.max(0, Math.round((spanned * 10 * 1000) / sampleMs) / 10),
      lag,
      restarts: here?.restarts ?? 0,
    }
  }
}

function inputOf(name: StageName) {
  const input = topology().stages.find((stage) => stage.name === name)?.input
  return input ? waysOf(input) : []
}
