/** Renders templates that are not trusted. Plain variables are filled in at once; the rest goes to worker threads, many
 *  jobs at a time. No thread starts before a template needs one. */
import { LRUCache } from 'lru-cache'
import type { Message } from '../../schemas/events.js'
import type { RenderResult } from '../../stages/enrich-template/draft.js'
import type { Renderer, RenderJob } from '../../stages/enrich-template/enrich-template.js'
import { createIsolation, type IsolationLimits } from './isolation.js'
import { compileMessage, type RenderMessage, resultOf, sameMessage } from './message.js'
import { createThreads } from './threads.js'
import { NotPlain, variablesCompiler } from './variables.js'

export interface RendererOptions {
  readonly threads?: number
  /** UTF-8 bytes of a rendered message. */
  readonly outputBytes?: number
  /** Characters and list elements that one source may make. */
  readonly memoryUnits?: number
  /** Heap of a thread; one that needs more is killed. */
  readonly heapMiB?: number
  readonly times?: Partial<IsolationLimits>
}

export interface RendererPool extends Renderer {
  /** What is wrong with each Liquid source; null: nothing. Rejects when rendering itself is out of order. */
  problems(sources: readonly string[]): Promise<readonly (string | null)[]>
  /** Template versions that are not rendered any more. */
  quarantined(): readonly string[]
  close(): Promise<void>
}

const defaultTimes: IsolationLimits = { sharedJobMs: 100, aloneJobMs: 500, taskMs: 1_000 }

export function createRenderer({
  threads: width = 1,
  outputBytes = 256 * 1024,
  memoryUnits = 4_000_000,
  heapMiB = 64,
  times,
}: RendererOptions = {}): RendererPool {
  const threads = createThreads({ threads: width, heapMiB, limits: { outputBytes, memoryUnits } })
  const isolation = createIsolation(threads, { ...defaultTimes, ...times })
  const compile = variablesCompiler(outputBytes)
  const renderPlain = plainRenderer((source) => compileMessage(source, compile, outputBytes))
  return {
    async render(jobs) {
      const results = jobs.map(renderPlain)
      const left = jobs.filter((_, index) => results[index] === undefined)
      if (left.length === 0) return results.filter((result) => result !== undefined)
      const rendered = (await isolation.render(left)).values()
      return results.map((result) => result ?? next(rendered))
    },
    async problems(sources) {
      const suspects = sources.filter((source) => !isPlain(source))
      if (suspects.length === 0) return sources.map(() => null)
      const found = (await isolation.problems(suspects)).values()
      return sources.map((source) => (isPlain(source) ? null : next(found)))
    },
    quarantined: isolation.quarantined,
    close: threads.close,
  }

  function isPlain(source: string): boolean {
    return compile(source, 'plain') !== undefined
  }
}

interface Compiled {
  readonly source: Message
  /** Undefined: not plain. */
  readonly render: RenderMessage | undefined
}

/** Compiled templates kept. */
const compiledTemplates = 1_000

/** Renders plain templates; undefined for all others. */
function plainRenderer(compile: (source: Message) => RenderMessage | undefined) {
  const cache = new LRUCache<string, Compiled>({ max: compiledTemplates })
  const find = ({ template, channel, source }: RenderJob): RenderMessage | undefined => {
    const key = `${template} ${channel}`
    const known = cache.get(key)
    if (known && sameMessage(known.source, source)) return known.render
    const compiled = { source, render: compile(source) }
    cache.set(key, compiled)
    return compiled.render
  }
  return (job: RenderJob): RenderResult | undefined => {
    try {
      return resultOf(() => {
        const render = find(job)
        if (!render) throw new NotPlain()
        return render(job.variables)
      })
    } catch (error) {
      if (error instanceof NotPlain) return undefined
      throw error
    }
  }
}

function next<T>(values: Iterator<T, unknown>): T {
  const { done, value } = values.next()
  if (done) throw new Error('Each job has one result.')
  return value
}
