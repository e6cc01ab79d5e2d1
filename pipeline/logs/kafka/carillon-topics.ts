/** The topics of a whole Carillon: every way, and what each worker keeps beside its input. The one list for
 *  `carillon topics` and for processes when they start. */
import { streamNames, topicsOf } from '../../../schemas/streams.js'
import type { WorkerName } from '../../../stages/stage.js'
import type { KafkaConfig } from '../../config/kafka.js'
import { inputs } from '../../engine/topology.js'
import { kafkaNames } from './names.js'
import { type WantedTopic, wantedTopics } from './topics.js'

/** Workers that keep no state: they have no changelogs. */
export const statelessWorkers: readonly WorkerName[] = ['intake', 'enrich-template', 'route', 'record']

/** Every topic as it should be. */
export function carillonTopics(kafka: KafkaConfig): readonly WantedTopic[] {
  const readings = Object.entries(inputs).map(([group, input]) => ({
    group,
    topics: topicsOf(input),
    stateful: !statelessWorkers.some((name) => name === group),
  }))
  return wantedTopics(kafkaNames(kafka.prefix), kafka, streamNames().flatMap(topicsOf), readings)
}
