/** Faults on Kafka: the ingress and six stages as seven processes, killed at random. Beside the receiver an independent
 *  reader of the topics is a witness: each notification is in each of them, and no stage wrote one twice. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { loadConfig } from '../pipeline/config/config.js'
import type { KafkaConfig } from '../pipeline/config/kafka.js'
import { stageNames } from '../stages/stage.js'
import { type FaultsOptions, type FaultsReport, faultsEnvironment, faultsOn } from './faults-run.js'
import { onBroker } from './kafka-broker.js'
import { readTopic } from './kafka-tally.js'
import { onTopics, randomPrefix } from './kafka-topics.js'
import { inFolder } from './run-folder.js'
import { counted, idOf, isFirstTry, type Tally, tallyOf } from './tally.js'
import { startVictim, type VictimProcess } from './victim.js'

export interface KafkaFaultsReport extends FaultsReport {
  /** What the reader of the topics found. */
  readonly topics: Tally
}

const slot = { CARILLON_SLOT: '0', CARILLON_OPS_PORT: '0' }
const processes: readonly [VictimProcess, ...VictimProcess[]] = [
  { command: ['ingress'], environment: slot },
  ...stageNames.map((name) => ({ command: ['stage', name], environment: slot })),
]

export function kafkaFaults(options: FaultsOptions): Promise<KafkaFaultsReport> {
  return onBroker(({ brokers }) =>
    inFolder(async (folder, keep) => {
      const file = join(folder, 'carillon.yaml')
      writeFileSync(file, stringify({ kafka: { prefix: randomPrefix() } }))
      const environment = { ...faultsEnvironment, CARILLON_LOG: `kafka://${brokers}`, CARILLON_CONFIG: file }
      const { kafka } = loadConfig(environment)
      if (!kafka) throw new Error('The configuration of the faults run is without Kafka')
      return onTopics(kafka, async () => {
        const report = await faultsOn(() => startVictim(join(folder, 'data'), environment, processes), options)
        const topics = await witness(kafka, report.ids)
        const { run } = report
        const lost = run.lost + topics.lost
        if (lost > 0 || topics.duplicates > 0 || report.unexplained > 0) keep()
        return { ...report, run: { ...run, lost }, topics }
      })
    }),
  )
}

/** A request whose answer was lost is asked again, so the first topic may hold twins: dedupe drops them. */
async function witness(kafka: KafkaConfig, accepted: readonly string[]): Promise<Tally> {
  const tally = tallyOf(accepted)
  for (const topic of counted) {
    const ids: string[] = []
    await readTopic(kafka, topic, (event) => {
      if (isFirstTry(event)) ids.push(idOf(event))
    })
    tally.count(topic, topic === 'notifications.requested' ? new Set(ids) : ids)
  }
  return tally.total()
}
