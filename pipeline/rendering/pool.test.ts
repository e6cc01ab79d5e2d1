import { afterEach, expect, test } from 'vitest'
import type { RenderResult } from '../../stages/enrich-template/draft.js'
import type { RenderJob } from '../../stages/enrich-template/enrich-template.js'
import { createRenderer, type RendererOptions, type RendererPool } from './pool.js'

/** A filter over many elements with a long condition: a minute in one step, which no soft limit ends. */
const hangs = `{{ (1..1000000) | where_exp: "x", "${Array(50).fill('x == 0').join(' or ')}" | size }}`
/** Loops that a soft limit could end. */
const loops = `${'{% for i in (1..1000) %}'.repeat(5)}${'{% endfor %}'.repeat(5)}`
const times = { sharedJobMs: 50, aloneJobMs: 700, taskMs: 1_000 }

let open: RendererPool | null = null
afterEach(async () => open?.close())

function renderer(options: RendererOptions = {}): RendererPool {
  open = createRenderer({ times, memoryUnits: 1e9, ...options })
  return open
}

function job(text: string, variables: RenderJob['variables'] = {}, template = text): RenderJob {
  return { template, channel: 'sms', source: { subject: null, text, html: null, data: null }, variables }
}

const said = (text: string): RenderResult => ({ message: { subject: null, text, html: null, data: null } })
const timedOut: RenderResult = {
  message: null,
  reason: 'template-timeout',
  detail: 'The template takes longer than 700 ms.',
}
const quarantined: RenderResult = {
  message: null,
  reason: 'template-quarantined',
  detail: 'This version of the template hung too often. Write a new version.',
}

test('jobs of all kinds come back in their order', async () => {
  const jobs = Array.from({ length: 250 }, (_, n) => {
    return n % 2 === 0 ? job('plain {{ n }}', { n }) : job('liquid {{ n | plus: 1 }}', { n })
  })
  const expected = jobs.map((_, n) => said(n % 2 === 0 ? `plain ${n}` : `liquid ${n + 1}`))
  expect(await renderer().render(jobs)).toEqual(expected)
})

test('a template that hangs gets its thread killed, and only its own job fails', async () => {
  const jobs = [
    job('{{ n | plus: 1 }}', { n: 1 }),
    job(hangs),
    job('{{ n | plus: 2 }}', { n: 1 }),
    job('{{ n }}', { n: 9 }),
  ]
  expect(await renderer().render(jobs)).toEqual([said('2'), timedOut, said('3'), said('9')])
})

test('a template that loops for ever fails alone', async () => {
  const jobs = [job('{{ n | plus: 1 }}', { n: 1 }), job(loops), job('{{ n | plus: 2 }}', { n: 1 })]
  expect(await renderer().render(jobs)).toEqual([said('2'), timedOut, said('3')])
})

test('a template that prints without end is cut off', async () => {
  const endless = loops.replace('{% endfor %}', 'xxxxxxxxxx{% endfor %}')
  const detail = 'text: The output is larger than 1000 bytes.'
  expect(await renderer({ outputBytes: 1_000 }).render([job(endless), job('{{ n | plus: 1 }}', { n: 1 })])).toEqual([
    { message: null, reason: 'output-too-large', detail },
    said('2'),
  ])
})

test('a template that eats the heap gets its thread killed', async () => {
  const eats = '{% assign a = (1..90000000) | map: "x" %}'
  const pool = renderer({ heapMiB: 16, times: { sharedJobMs: 20_000, aloneJobMs: 20_000, taskMs: 20_000 } })
  const results = await pool.render([job(eats), job('{{ n | plus: 1 }}', { n: 1 })])
  expect(results).toEqual([
    { message: null, reason: 'template-memory', detail: 'The template takes too much memory.' },
    said('2'),
  ])
})

test('a version that got three threads killed is rendered no more, its next version is', async () => {
  const pool = renderer()
  const bad = job(hangs, {}, 'default/bad@1+en')
  const results = await pool.render([bad, bad, bad, bad])
  expect(results).toEqual([timedOut, timedOut, timedOut, quarantined])
  expect(pool.quarantined()).toEqual(['default/bad@1+en'])
  const better = job('{{ n | plus: 1 }}', { n: 1 }, 'default/bad@2+en')
  expect(await pool.render([bad, better])).toEqual([quarantined, said('2')])
})

test('a changed source under a known name is compiled anew', async () => {
  const pool = renderer()
  const first = [job('a {{ n }}', { n: 1 }, 'plain'), job('a {{ n | plus: 1 }}', { n: 1 }, 'liquid')]
  const second = [job('b {{ n }}', { n: 1 }, 'plain'), job('b {{ n | plus: 1 }}', { n: 1 }, 'liquid')]
  expect(await pool.render(first)).toEqual([said('a 1'), said('a 2')])
  expect(await pool.render(second)).toEqual([said('b 1'), said('b 2')])
})

test('data nested deeper than the stack fails its own job', async () => {
  const deep: unknown = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`)
  const results = await renderer().render([job('{{ deep | size }}', { deep }), job('{{ n | plus: 1 }}', { n: 1 })])
  expect(results).toEqual([
    { message: null, reason: 'render-failed', detail: 'The data is nested too deep.' },
    said('2'),
  ])
})

test('renderings that are under way when it closes blame no template', async () => {
  const pool = renderer({ times: { ...times, aloneJobMs: 20_000, taskMs: 20_000 } })
  const under = expect(pool.render([job(hangs), job(hangs)])).rejects.toMatchObject({ code: 'rendering-unavailable' })
  await pool.close()
  await under
  expect(pool.quarantined()).toEqual([])
  await expect(pool.render([job(hangs)])).rejects.toMatchObject({ code: 'rendering-unavailable' })
})
