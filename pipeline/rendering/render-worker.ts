/** The thread that renders. It knows templates and variables only, and may be killed at any point. */

import { workerData } from 'node:worker_threads'
import { LRUCache } from 'lru-cache'
import type { Message } from '../../schemas/events.js'
import type { RenderResult } from '../../stages/enrich-template/draft.js'
import { createLiquid } from './liquid.js'
import { compileMessage, type RenderMessage, resultOf, sameMessage, type Variables } from './message.js'
import type { ParseTask, RenderTask, StartSignal, ThreadJob, ThreadSettings } from './task.js'

interface Compiled {
  readonly source: Message
  readonly render: RenderMessage | undefined
}

/** Compiled templates kept. */
const compiledTemplates = 500

const { limits }: ThreadSettings = workerData
const liquid = createLiquid(limits)
const cache = new LRUCache<string, Compiled>({ max: compiledTemplates })

/** Renders each job; the first of its tasks is the one that `started` tells of. */
export function render({ started, renderMs, jobs }: RenderTask): RenderResult[] {
  signal(started)
  return jobs.map((job) => resultOf(() => compiled(job, renderMs)(variablesOf(job))))
}

/** What is wrong with each source; null: nothing. */
export function problems({ started, sources }: ParseTask): (string | null)[] {
  signal(started)
  return sources.map((source) => liquid.problem(source))
}

function signal(started: StartSignal): void {
  Atomics.store(started, 0, process.hrtime.bigint())
}

function compiled({ template, channel, source }: ThreadJob, renderMs: number): RenderMessage {
  const key = `${template} ${channel} ${renderMs}`
  const known = cache.get(key)
  const found = known && sameMessage(known.source, source) ? known : { source, render: compile(source, renderMs) }
  if (found !== known) cache.set(key, found)
  if (!found.render) throw new Error('Liquid compiles every source or throws.')
  return found.render
}

function compile(source: Message, renderMs: number): RenderMessage | undefined {
  return compileMessage(source, (text, format) => liquid.compile(text, format, renderMs), limits.outputBytes)
}

function variablesOf({ variables }: ThreadJob): Variables {
  return JSON.parse(variables) as Variables
}
