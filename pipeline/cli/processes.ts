/** `carillon start`, `stage <name>`, `ingress` and `lag-exporter`: what runs until a signal stops it. They import the
 *  pipeline only when they run, so that the other commands start at once. */
import { Argument, type Command, InvalidArgumentError, Option } from 'commander'
import { type Channel, channels } from '../../schemas/streams.js'
import { type StageName, stageNames } from '../../stages/stage.js'
import { type Config, loadConfig } from '../config/config.js'
import type { Running } from '../run/running.js'

interface TopicChoice {
  readonly createTopics?: boolean
}

interface StageChoice extends TopicChoice {
  readonly channel?: readonly Channel[]
}

export function addProcesses(program: Command): void {
  const createTopics = new Option('--create-topics', 'create topics that are missing (on Kafka)')
  program
    .command('start')
    .description('run everything in this process: the HTTP API and all six stages')
    .addOption(createTopics)
    .action(({ createTopics = false }: TopicChoice) => runProcess((config, stop) => start(config, createTopics, stop)))
  program
    .command('ingress')
    .description('run the HTTP API on Kafka, with the intake of events that upstreams write to Kafka themselves')
    .addOption(createTopics)
    .action(({ createTopics = false }: TopicChoice) =>
      runProcess(async (config, stopping) => {
        const { startIngressProcess } = await import('../run/kafka/ingress-process.js')
        return startIngressProcess(config, { stages: [], createTopics }, stopping)
      }),
    )
  program
    .command('stage')
    .description('run one stage on Kafka; several processes of one stage share its partitions')
    .addArgument(new Argument('<name>', 'which one').choices(stageNames))
    .addOption(createTopics)
    .addOption(
      new Option('--channel <names>', 'what deliver serves, by comma; all unless said').argParser(parseChannels),
    )
    .action((name: StageName, { channel, createTopics = false }: StageChoice, command: Command) => {
      if (channel && name !== 'deliver') command.error('error: --channel goes with the stage deliver only')
      return runProcess(async (config) => {
        const { startStageProcess } = await import('../run/kafka/stage-process.js')
        return startStageProcess(config, { stage: name, createTopics, ...(channel && { channels: channel }) })
      })
    })
  program
    .command('lag-exporter')
    .description('on Kafka: measure how far every stage is behind, apart from the stages, for Prometheus')
    .action(() =>
      runProcess(async (config) => {
        const { startLagExporter } = await import('../run/kafka/lag-exporter.js')
        return startLagExporter(config)
      }),
    )
}

async function runProcess(begin: (config: Config, stopping: AbortSignal) => Promise<Running>): Promise<void> {
  const { runUntilStopped } = await import('./start.js')
  await runUntilStopped(async (stopping) => begin(loadConfig(), stopping))
}

async function start(config: Config, createTopics: boolean, stopping: AbortSignal): Promise<Running> {
  if (config.log.kind === 'kafka') {
    const { startIngressProcess } = await import('../run/kafka/ingress-process.js')
    return startIngressProcess(config, { stages: stageNames, createTopics }, stopping)
  }
  const pipeline = await import('../run/embedded/start.js')
  return pipeline.start(config)
}

function parseChannels(text: string): readonly Channel[] {
  const names = [...new Set(text.split(',').map((name) => name.trim()))]
  return names.map((name) => {
    const known = channels.find((channel) => channel === name)
    if (known) return known
    throw new InvalidArgumentError(`Must be some of ${channels.join(', ')}, by comma.`)
  })
}
