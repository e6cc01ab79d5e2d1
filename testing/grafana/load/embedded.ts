/** Carillon in one process under load, with a lock on its file for a while: commits fail, and requests are answered with
 *  5xx. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DatabaseSync } from '@photostructure/sqlite'
import { stringify } from 'yaml'
import { readyProcess, runCarillon } from '../../process-under-test.js'
import { type PrometheusPrograms, prometheusUnderTest } from '../prometheus-under-test.js'
import { emptyOf, everySeconds, type PanelAnswer, panelAnswers } from './answers.js'
import { everyEvent } from './every-event.js'
import { type LoadProvider, startProvider } from './provider.js'

import { loadSettings, writeQuickRules } from './settings.js'

/** More than three times as long as the database waits for a lock, so that requests are among what fails. */
const lockedMs = 17_000
const quietMs = 6000
/** Some 50 s of work for a provider that takes two at once. */
const backlog = 100
/** How often it is asked again after that. */
const maxRounds = 8

/** Resolves when every panel has data, or when so long a load has not given it. */
export async function embeddedAnswers(programs: PrometheusPrograms): Promise<readonly PanelAnswer[]> {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-watched-'))
  const provider = await startProvider()
  const environment = environmentIn(folder, provider.url)
  const undo: (() => Promise<unknown> | unknown)[] = [() => provider.close()]
  try {
    await killedWithBacklog(environment, provider.url)
    const carillon = runCarillon(['start'], environment)
    undo.push(() => carillon.end('SIGKILL'))
    await readyProcess(carillon)
    const address = await carillon.address
    const jobs = [{ job: 'carillon', targets: [new URL(address).host] }]
    const ruleFiles = writeQuickRules(folder)
    const prometheus = await prometheusUnderTest(programs, { jobs, ruleFiles, everySeconds })
    undo.push(() => prometheus.close())
    const from = Date.now() / 1000
    await sleep(quietMs)
    const load = everyEvent(address, provider.url)
    undo.push(() => load.stop())
    await trouble(provider, databaseIn(folder))
    const ask = () => panelAnswers(prometheus, { from, to: Date.now() / 1000 }, new Set(['rules', 'sqlite']))
    let answers = await ask()
    for (let round = 0; round < maxRounds && emptyOf(answers).length > 0; round++) {
      await sleep(quietMs)
      answers = await ask()
    }
    return answers
  } finally {
    for (const close of undo.reverse()) await close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A Carillon that leaves much to do, and nothing but that: the next one tells how fast it becomes less from its start on. */
async function killedWithBacklog(environment: NodeJS.ProcessEnv, provider: string): Promise<void> {
  const carillon = runCarillon(['start'], environment)
  try {
    await readyProcess(carillon)
    const one = { to: { webhook: `${provider}/hook` }, content: { body: 'Hello #slow' } }
    const answer = await fetch(`${await carillon.address}/v1/notifications/batch`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ notifications: Array.from({ length: backlog }, () => one) }),
    })
    if (answer.status !== 202) throw new Error(`A backlog was answered with ${answer.status}: ${await answer.text()}`)
  } finally {
    await carillon.end('SIGKILL')
  }
}

function environmentIn(folder: string, provider: string): NodeJS.ProcessEnv {
  const config = join(folder, 'carillon.yaml')
  writeFileSync(config, stringify(loadSettings(provider)))
  const own = { CARILLON_PORT: '0', CARILLON_DATA: join(folder, 'data'), CARILLON_CONFIG: config }
  return { PATH: process.env.PATH, ...own }
}

function databaseIn(folder: string): string {
  return join(folder, 'data', 'carillon.db')
}

async function trouble(provider: LoadProvider, database: string): Promise<void> {
  provider.isIll = true
  await sleep(quietMs)
  provider.isIll = false
  await lock(database)
  await sleep(quietMs)
}

/** Another writer. */
async function lock(file: string): Promise<void> {
  const other = new DatabaseSync(file)
  other.exec('PRAGMA busy_timeout = 5000')
  other.exec('BEGIN IMMEDIATE')
  await sleep(lockedMs)
  other.exec('ROLLBACK')
  other.close()
}
