/** A Carillon of real processes for the contracts' clients, on either engine, with a provider of the bench. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { loadConfig } from '../pipeline/config/config.js'
import { stageNames } from '../stages/stage.js'
import { type CarillonProcess, foreignVariables, startCarillon } from './carillon-process.js'
import { onBroker } from './kafka-broker.js'
import { onTopics, randomPrefix } from './kafka-topics.js'
import { inFolder } from './run-folder.js'

export interface ContractCarillon {
  /** Of the ingress. */
  readonly address: string
}

/** On Kafka the ingress and each stage are processes of their own. */
export function withContractCarillon<T>(
  engine: 'sqlite' | 'kafka',
  providerUrl: string,
  run: (carillon: ContractCarillon) => Promise<T>,
): Promise<T> {
  const plain = { CARILLON_LOG_LEVEL: 'error', CARILLON_PROVIDER_URL: providerUrl }
  if (engine === 'sqlite') {
    return inFolder(async (folder) => {
      const carillon = await startCarillon(folder, plain)
      try {
        return await run(carillon)
      } finally {
        await carillon.stop()
      }
    })
  }
  return onBroker(({ brokers }) => inFolder((folder) => onKafka(folder, brokers, plain, run)))
}

async function onKafka<T>(
  folder: string,
  brokers: string,
  plain: Readonly<Record<string, string>>,
  run: (carillon: ContractCarillon) => Promise<T>,
): Promise<T> {
  const file = join(folder, 'carillon.yaml')
  const data = join(folder, 'data')
  mkdirSync(data)
  writeFileSync(file, stringify({ kafka: { prefix: randomPrefix() } }))
  const environment = { ...plain, CARILLON_LOG: `kafka://${brokers}`, CARILLON_CONFIG: file, CARILLON_OPS_PORT: '0' }
  const { kafka } = loadConfig({ ...foreignVariables(), ...environment, CARILLON_DATA: data })
  if (!kafka) throw new Error('The configuration of the bench is without Kafka')
  return onTopics(kafka, async () => {
    const processes: CarillonProcess[] = []
    try {
      const ingress = await startCarillon(data, environment, undefined, ['ingress'])
      processes.push(ingress)
      const stages = stageNames.map((name) => startCarillon(data, environment, undefined, ['stage', name]))
      processes.push(...(await Promise.all(stages)))
      return await run(ingress)
    } finally {
      await Promise.all(processes.map((one) => one.stop()))
    }
  })
}
