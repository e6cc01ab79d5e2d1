/** Where every group stands: who is in it, and what it has committed. One connection to each broker that coordinates some,
 *  and there one request for their members, and one for each group's commits. */
import type { TopicPartition } from 'node-rdkafka'
import type { WorkerName } from '../../../stages/stage.js'
import { workerNames } from '../../engine/topology.js'
import { type Ask, withBroker } from './broker-connection.js'
import { coordinatorOf, membersOf } from './describe-group.js'
import { groupOffsets } from './group-offsets.js'
import type { KafkaConnection } from './library.js'
import type { Names } from './names.js'
import type { Offsets } from './offsets.js'

/** What a group is asked about. */
export interface GroupPlace extends TopicPartition {
  readonly stage: WorkerName
}

export interface GroupStandings {
  readonly members: ReadonlyMap<WorkerName, number>
  readonly committed: ReadonlyMap<WorkerName, Offsets>
}

/** Asks about all groups. Who coordinates which is remembered until an answer fails. It rejects with `Unavailable`. */
export function groupStandings(
  connection: KafkaConnection,
  names: Names,
  places: readonly GroupPlace[],
): { ask(): Promise<GroupStandings> } {
  let coordinators: ReadonlyMap<string, readonly WorkerName[]> | null = null

  return {
    async ask(): Promise<GroupStandings> {
      try {
        coordinators ??= await withBroker(connection, (ask) => coordinatorsOf(ask, names))
        const told = await Promise.all(
          [...coordinators].map(([brokers, stages]) =>
            withBroker({ ...connection, brokers }, (ask) => groupsOf(ask, stages)),
          ),
        )
        return {
          members: new Map(told.flatMap(({ members }) => [...members])),
          committed: new Map(told.flatMap(({ committed }) => [...committed])),
        }
      } catch (error) {
        coordinators = null
        throw error
      }
    },
  }

  async function groupsOf(ask: Ask, stages: readonly WorkerName[]): Promise<GroupStandings> {
    const members = await membersOf(ask, stages.map(names.group))
    const committed = new Map<WorkerName, Offsets>()
    for (const stage of stages) {
      const own = places.filter((place) => place.stage === stage)
      committed.set(stage, await groupOffsets(ask, names.group(stage), own))
    }
    return { members: new Map(stages.map((stage) => [stage, members.get(names.group(stage))?.length ?? 0])), committed }
  }
}

async function coordinatorsOf(ask: Ask, names: Names): Promise<ReadonlyMap<string, readonly WorkerName[]>> {
  const coordinators = new Map<string, WorkerName[]>()
  for (const stage of workerNames) {
    const broker = await coordinatorOf(ask, names.group(stage))
    coordinators.set(broker, [...(coordinators.get(broker) ?? []), stage])
  }
  return coordinators
}
