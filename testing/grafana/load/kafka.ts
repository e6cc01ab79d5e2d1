/** Carillon on Kafka under load, a process for each stage, its records in MongoDB where that is to be had; and what goes
 *  wrong in a data centre: the broker starts again, processes come and go, a stage is killed, the database is away. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { childPid } from '../../../bench/process-use.js'
import type { Need } from '../../../grafana/panels.js'
import { startBroker } from '../../logs/kafka/broker-under-test.js'
import { freshDatabase, missingForMongo, startMongo, urlBy } from '../../stores/mongodb/mongo-under-test.js'
import { type Topic, topicOf } from '../../stores/mongodb/way-under-test.js'
import { root } from '../compose-under-test.js'
import { type PrometheusPrograms, prometheusUnderTest } from '../prometheus-under-test.js'
import { everySeconds, type PanelAnswer, panelAnswers } from './answers.js'
import { everyEvent } from './every-event.js'
import { startProcesses } from './processes.js'
import { startProvider } from './provider.js'

import { loadSettings, writeQuickRules } from './settings.js'
import { joining, trouble } from './trouble.js'
import { startUpstream } from './upstream.js'

const prefix = 'watched.'
const partitions = 2
/** A request that a broker does not answer is given up within the time for which it is stopped. */
const kafka = { partitions, prefix, settings: { 'socket.timeout.ms': 10_000 } }

type Undo = () => Promise<unknown> | unknown

/** `tell`: of what is done now. */
export async function kafkaAnswers(
  programs: PrometheusPrograms,
  tell: (what: string) => void,
): Promise<readonly PanelAnswer[]> {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-watched-'))
  const undo: Undo[] = [() => rmSync(folder, { recursive: true, force: true })]
  try {
    return await watched(programs, tell, folder, undo)
  } finally {
    for (const close of undo.reverse()) await close()
  }
}

/** `undo`: what is to be ended, last first. */
async function watched(
  programs: PrometheusPrograms,
  tell: (what: string) => void,
  folder: string,
  undo: Undo[],
): Promise<readonly PanelAnswer[]> {
  const provider = await startProvider()
  undo.push(() => provider.close())
  tell('starting a broker')
  const broker = await startBroker(root)
  undo.push(() => broker.stop())
  const brokerPid = childPid('java')
  const store = await startStore(undo)
  tell(store ? 'starting Carillon, its records in MongoDB' : `starting Carillon without MongoDB: ${missingForMongo()}`)
  const processes = await startProcesses(folder, joining, {
    environment: { CARILLON_LOG: `kafka://${broker.address}`, ...(store && { CARILLON_STORE: store.url }) },
    settings: { kafka, ...loadSettings(provider.url) },
  })
  undo.push(() => processes.close())
  const prometheus = await prometheusUnderTest(programs, {
    jobs: processes.jobs,
    ruleFiles: writeQuickRules(folder),
    everySeconds,
  })
  undo.push(() => prometheus.close())
  const from = Date.now() / 1000
  const load = everyEvent(processes.address, provider.url)
  undo.push(() => load.stop())
  const upstream = await startUpstream(broker.address, prefix)
  undo.push(() => upstream.stop())
  await trouble({
    processes,
    broker: { ...broker, pid: brokerPid },
    names: { prefix, partitions },
    provider,
    store: store?.topic ?? null,
    tell,
  })
  tell('asking what the panels ask')
  const has = new Set<Need>(store ? ['rules', 'kafka', 'mongodb'] : ['rules', 'kafka'])
  return panelAnswers(prometheus, { from, to: Date.now() / 1000 }, has)
}

async function startStore(undo: Undo[]): Promise<{ readonly url: string; readonly topic: Topic } | null> {
  if (missingForMongo() !== null) return null
  const server = await startMongo()
  undo.push(() => server.stop())
  const topic = await topicOf(server.address)
  undo.push(() => topic.close())
  return { url: urlBy(server, topic.address).replace('/?', `/${freshDatabase()}?`), topic }
}
