#!/usr/bin/env node
/** `node dist/bench/scrape.js <url>...`: how large the metrics of a running Carillon are and how long they take; ends with
 *  code 1 beyond the figures that they are held to. The addresses are of pages of metrics, each process's own. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Command } from 'commander'
import { printText } from '../pipeline/cli/terminal.js'
import { percentilesOf } from './latency.js'

/** Of a scrape, in the middle of all. */
const mostMs = 20
const mostBytes = 300_000
const scrapes = 51
/** Scrapes at first that do not count: code is compiled and the connection made. */
const warmUps = 5
const pauseMs = 50
const timeoutMs = 10_000

const program = new Command('scrape')
  .description('Measures pages of metrics.')
  .argument('<url...>', 'like http://127.0.0.1:3000/metrics')
  .option('--api-key <key>', 'the key of the Carillon, where it has one')
  .action(async (urls: readonly string[], { apiKey }: { readonly apiKey?: string }) => {
    const all: Awaited<ReturnType<typeof scrapeAll>>[] = []
    for (const url of urls) all.push(await scrapeAll(url, apiKey))
    printText(all.map((scraped) => `${JSON.stringify(scraped)}\n`).join(''))
    if (all.some(({ bytes, medianMs }) => bytes > mostBytes || medianMs > mostMs)) process.exitCode = 1
  })
await program.parseAsync()

/** One after the other, as Prometheus scrapes. */
async function scrapeAll(url: string, apiKey: string | undefined) {
  const times: number[] = []
  let page = ''
  for (let count = 0; count < warmUps + scrapes; count++) {
    const startedMs = performance.now()
    page = await scrape(url, apiKey)
    if (count >= warmUps) times.push(performance.now() - startedMs)
    await sleep(pauseMs)
  }
  const { p50: medianMs, p95: p95Ms, max: slowestMs } = percentilesOf(times)
  const series = page.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length
  return { url, bytes: Buffer.byteLength(page), series, medianMs, p95Ms, mostMs: slowestMs }
}

async function scrape(url: string, apiKey: string | undefined): Promise<string> {
  const headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }
  const answer = await fetch(url, { headers, signal: AbortSignal.timeout(timeoutMs) })
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`)
  return answer.text()
}
