/** `carillon topics create|check`: the topics on Kafka. They talk to Kafka itself, and need no running Carillon. */
import type { Command } from 'commander'
import { Unavailable } from '../../schemas/errors.js'
import { loadConfig } from '../config/config.js'
import type { KafkaConfig } from '../config/kafka.js'
import type { EnsuredTopics, TopicDifference } from '../logs/kafka/topic-admin.js'
import { CommandFailed, exitCodes } from './exit.js'
import { complain, print, printJson, printTable } from './terminal.js'

interface Options {
  readonly json?: boolean
}

export function addTopics(program: Command): void {
  const topics = program.command('topics').description('the topics on Kafka, as CARILLON_LOG and CARILLON_CONFIG say')
  topics
    .command('create')
    .description('create the topics that are missing; what exists is not changed')
    .option('--json', 'print what was created, and what differs, as JSON')
    .action(({ json }: Options) => create(kafkaOf(loadConfig()), json === true))
  topics
    .command('check')
    .description('tell which topics are missing, and what of the others is not as it should be')
    .option('--json', 'print what differs as JSON')
    .action(({ json }: Options) => check(kafkaOf(loadConfig()), json === true))
}

function kafkaOf({ kafka }: { readonly kafka: KafkaConfig | null }): KafkaConfig {
  if (kafka) return kafka
  throw new CommandFailed('There are topics on Kafka only: set CARILLON_LOG to kafka://host:port', exitCodes.usage)
}

/** Throws `CommandFailed` when Carillon could not run on what is there. */
async function create(kafka: KafkaConfig, json: boolean): Promise<void> {
  const { ensureTopics } = await import('../logs/kafka/topic-admin.js')
  const { carillonTopics } = await import('../logs/kafka/topics.js')
  const wanted = carillonTopics(kafka)
  const ensured: EnsuredTopics = await reached(() => ensureTopics(kafka.connection, wanted, kafka.replicationFactor))
  const { created, differences } = ensured
  if (json) printJson(ensured)
  else {
    for (const name of created) print(`created ${name}`)
    print(`${created.length} created, ${wanted.length - created.length} there before`)
    show(differences)
  }
  const unfit = differences.filter(({ fatal }) => fatal)
  if (unfit.length > 0) throw await failure(unfit)
  if (differences.length > 0) complain('What exists is not changed; kafka-configs.sh changes it.')
}

/** Throws `CommandFailed` when anything differs. */
async function check(kafka: KafkaConfig, json: boolean): Promise<void> {
  const { compareTopics } = await import('../logs/kafka/topic-admin.js')
  const { carillonTopics } = await import('../logs/kafka/topics.js')
  const wanted = carillonTopics(kafka)
  const differences = await reached(() => compareTopics(kafka.connection, wanted, kafka.replicationFactor))
  if (json) printJson({ topics: wanted.length, differences })
  else {
    show(differences)
    print(`${wanted.length} topics, ${new Set(differences.map(({ topic }) => topic)).size} not as they should be`)
  }
  if (differences.length > 0) throw await failure(differences)
}

function show(differences: readonly TopicDifference[]): void {
  if (differences.length === 0) return
  printTable([
    ['TOPIC', 'WHAT', 'WANTED', 'FOUND', ''],
    ...differences.map(({ topic, what, wanted, found, fatal }) => [topic, what, wanted, found, fatal ? 'unfit' : '']),
  ])
}

async function failure(differences: readonly TopicDifference[]): Promise<CommandFailed> {
  const { unfitText } = await import('../logs/kafka/ready-topics.js')
  const missing = differences.filter(({ what }) => what === 'missing')
  const unfit = differences.filter(({ what, fatal }) => fatal && what !== 'missing')
  if (unfit.length > 0) return new CommandFailed(unfitText(unfit), exitCodes.failed)
  const text =
    missing.length > 0 ? 'Run: carillon topics create' : 'Carillon runs on them; kafka-configs.sh changes them'
  return new CommandFailed(text, exitCodes.failed)
}

async function reached<T>(ask: () => Promise<T>): Promise<T> {
  return ask().catch((error: unknown) => {
    if (error instanceof Unavailable) throw new CommandFailed(error.message, exitCodes.unreachable, { cause: error })
    if (error instanceof Error && 'code' in error && ['kafka-missing', 'topic-refused'].includes(String(error.code))) {
      throw new CommandFailed(error.message, exitCodes.failed, { cause: error })
    }
    throw error
  })
}
