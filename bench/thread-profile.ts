/** Where a thread's time goes, by sampling: V8's own profiler, once in a millisecond. */
import { writeFileSync } from 'node:fs'
import { type Profiler, Session } from 'node:inspector/promises'
import { stageNames } from '../stages/stage.js'

/** Parts of the pipeline by the file that a frame stands in; the innermost that is named here counts. */
const parts: readonly (readonly [pattern: RegExp, part: (match: RegExpExecArray) => string])[] = [
  [/\/dist\/stages\/([^/.]+)/, ([, name = '']) => (isStage(name) ? `stage ${name}` : 'what stages have in common')],
  [/\/dist\/schemas\/avro|\/node_modules\/avsc\//, () => 'Avro'],
  [
    /\/dist\/pipeline\/(?:logs|stores)\/sqlite\/|\/node_modules\/@photostructure\//,
    () => 'SQLite: log, state, records',
  ],
  [/\/dist\/pipeline\/([^/.]+)/, ([, folder]) => `pipeline/${folder}`],
  [/\/dist\/ingress\//, () => 'ingress'],
  [/\/dist\/bench\//, () => 'bench'],
]

function isStage(name: string): boolean {
  return stageNames.some((stage) => stage === name)
}

export interface ThreadProfile {
  /** Once; later calls do nothing. */
  start(): void
  /** Writes the profile to a file; returns each part's share of the time in which the thread was not idle, at most 1. */
  stop(file: string): Promise<Readonly<Record<string, number>>>
}

/** Of the thread that asks. */
export function profileThread(): ThreadProfile {
  const session = new Session()
  session.connect()
  let started: Promise<unknown> | null = null
  return {
    start() {
      started ??= session.post('Profiler.enable').then(() => session.post('Profiler.start'))
    },
    async stop(file) {
      await started
      const { profile } = await session.post('Profiler.stop')
      session.disconnect()
      writeFileSync(file, JSON.stringify(profile))
      return sharesOf(profile)
    },
  }
}

/** Of the samples that were not idle. */
export function sharesOf(profile: Profiler.Profile): Readonly<Record<string, number>> {
  const parents = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  )
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const hits = new Map<string, number>()
  let all = 0
  for (const { id, hitCount = 0 } of profile.nodes) {
    const part = partOf(id)
    if (part === null || hitCount === 0) continue
    hits.set(part, (hits.get(part) ?? 0) + hitCount)
    all += hitCount
  }
  return Object.fromEntries(
    [...hits].sort(([, a], [, b]) => b - a).map(([part, hit]) => [part, Math.round((hit * 1000) / all) / 1000]),
  )

  /** Null where the thread was idle. */
  function partOf(leaf: number): string | null {
    const name = nodes.get(leaf)?.callFrame.functionName
    if (name === '(idle)') return null
    if (name === '(garbage collector)') return 'collecting garbage'
    for (let id: number | undefined = leaf; id !== undefined; id = parents.get(id)) {
      const url = nodes.get(id)?.callFrame.url ?? ''
      for (const [pattern, part] of parts) {
        const match = pattern.exec(url)
        if (match) return part(match)
      }
    }
    return 'Node and V8'
  }
}
