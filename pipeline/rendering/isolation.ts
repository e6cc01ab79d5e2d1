/** Renders jobs in threads so that none of them harms another. Jobs share a task; one that takes long gives way and is
 *  rendered alone, and when the thread is killed all of its jobs are.
 *  Invariant: a template fails nothing but its own jobs, and does not cost more than three threads. */

import { LRUCache } from 'lru-cache'
import type { RenderResult } from '../../stages/enrich-template/draft.js'
import type { RenderJob } from '../../stages/enrich-template/enrich-template.js'
import type { ThreadJob } from './task.js'
import { ThreadKilled, type Threads } from './threads.js'

export interface IsolationLimits {
  /** After this long, a job in company gives way. */
  readonly sharedJobMs: number
  /** After this long, the thread of a job on its own is killed. */
  readonly aloneJobMs: number
  /** After this long, the thread of a task with many jobs is killed. */
  readonly taskMs: number
}

export interface Isolation {
  /** A result for each job, in their order. Rejects with `RenderingUnavailable`. */
  render(jobs: readonly RenderJob[]): Promise<readonly RenderResult[]>
  /** What is wrong with each source; null: nothing. */
  problems(sources: readonly string[]): Promise<readonly (string | null)[]>
  quarantined(): readonly string[]
}

/** Jobs in one task: enough for the way to the thread not to count. */
const jobsPerTask = 100

export function createIsolation(threads: Threads, { sharedJobMs, aloneJobMs, taskMs }: IsolationLimits): Isolation {
  const quarantine = createQuarantine()

  const together = async (jobs: readonly ThreadJob[]): Promise<readonly RenderResult[]> => {
    const first = await unlessKilled(threads.render({ jobs, renderMs: sharedJobMs }, taskMs))
    const results: RenderResult[] = []
    for (const [index, job] of jobs.entries()) {
      const result = first instanceof ThreadKilled ? undefined : first[index]
      results.push(result && !gaveWay(result) ? result : await alone(job))
    }
    return results
  }

  const alone = async (job: ThreadJob): Promise<RenderResult> => {
    if (quarantine.has(job.template)) return quarantined
    const task = { jobs: [job], renderMs: Number.POSITIVE_INFINITY }
    const results = await unlessKilled(threads.render(task, aloneJobMs))
    if (!(results instanceof ThreadKilled)) return results[0] ?? unrenderable
    if (results.code !== 'render-failed') quarantine.strike(job.template)
    return { message: null, reason: results.code, detail: whyKilled(results, aloneJobMs) }
  }

  return {
    async render(jobs) {
      const prepared = jobs.map((job) => (quarantine.has(job.template) ? quarantined : threadJob(job)))
      const fit = prepared.filter((one) => 'variables' in one)
      const rendered = (await Promise.all(chunks(fit).map(together))).flat().values()
      return prepared.map((one) => ('variables' in one ? (rendered.next().value ?? unrenderable) : one))
    },
    async problems(sources) {
      const found = await unlessKilled(threads.problems({ sources }, aloneJobMs))
      return found instanceof ThreadKilled ? sources.map(() => 'The template takes too long to read.') : found
    },
    quarantined: quarantine.list,
  }
}

const quarantined: RenderResult = {
  message: null,
  reason: 'template-quarantined',
  detail: 'This version of the template hung too often. Write a new version.',
}

const unrenderable: RenderResult = {
  message: null,
  reason: 'render-failed',
  detail: 'The template could not be rendered.',
}

async function unlessKilled<T>(task: Promise<T>): Promise<T | ThreadKilled> {
  try {
    return await task
  } catch (error) {
    if (error instanceof ThreadKilled) return error
    throw error
  }
}

function gaveWay(result: RenderResult): boolean {
  return result.message === null && result.reason === 'template-timeout'
}

function whyKilled({ code }: ThreadKilled, aloneJobMs: number): string {
  switch (code) {
    case 'template-timeout':
      return `The template takes longer than ${aloneJobMs} ms.`
    case 'template-memory':
      return 'The template takes too much memory.'
    case 'render-failed':
      return 'The template could not be rendered.'
  }
}

function threadJob({ template, channel, source, variables }: RenderJob): ThreadJob | RenderResult {
  try {
    return { template, channel, source, variables: JSON.stringify(variables) }
  } catch {
    return { message: null, reason: 'render-failed', detail: 'The data is nested too deep.' }
  }
}

function chunks<T>(items: readonly T[]): T[][] {
  const count = Math.ceil(items.length / jobsPerTask)
  return Array.from({ length: count }, (_, index) => items.slice(index * jobsPerTask, (index + 1) * jobsPerTask))
}

export interface Quarantine {
  has(template: string): boolean
  /** A thread that rendered it was killed. */
  strike(template: string): void
  list(): readonly string[]
}

/** Killed threads after which a version is kept out. */
const strikesAllowed = 3
/** Versions remembered; beyond, the one that struck longest ago is forgotten. */
const rememberedVersions = 1_000

export function createQuarantine(): Quarantine {
  const strikes = new LRUCache<string, number>({ max: rememberedVersions })
  const isOut = (count: number | undefined) => count !== undefined && count >= strikesAllowed
  return {
    has: (template) => isOut(strikes.peek(template)),
    strike: (template) => void strikes.set(template, (strikes.get(template) ?? 0) + 1),
    list: () => [...strikes.rkeys()].filter((template) => isOut(strikes.peek(template))),
  }
}
