/** Who is in a consumer group: what node-rdkafka cannot tell.
 *
 *  FindCoordinator, version 1: key key_type=0 → throttle_ms error_code error_message node_id host port
 *  DescribeGroups, version 0:  [group] → [error_code group state protocol_type protocol
 *                              [member_id client_id client_host metadata assignment]] */
import { Unavailable } from '../../../schemas/errors.js'
import { type Ask, withBroker } from './broker-connection.js'
import type { KafkaConnection } from './library.js'
import { protocolWriter } from './protocol.js'

const findCoordinator = { key: 10, version: 1 }
const describeGroups = { key: 15, version: 0 }
const groupKey = 0

/** The client ids of a group's members. Rejects with `Unavailable`. */
export async function memberClients(connection: KafkaConnection, group: string): Promise<readonly string[]> {
  const brokers = await withBroker(connection, (ask) => coordinatorOf(ask, group))
  const members = await withBroker({ ...connection, brokers }, (ask) => membersOf(ask, [group]))
  return members.get(group) ?? []
}

/** The client ids of the members of groups, asked from the broker that coordinates them. Rejects with `Unavailable`. */
export async function membersOf(ask: Ask, groups: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const body = protocolWriter()
    .array(groups, (writer, name) => writer.string(name))
    .bytes()
  const answer = await ask(describeGroups, body)
  const members = new Map<string, readonly string[]>()
  answer.array(() => {
    const error = answer.int16()
    const group = answer.string() ?? ''
    if (error !== 0) throw new Unavailable(`Kafka does not tell who is in ${group}`)
    for (let field = 0; field < 3; field++) answer.string()
    const clients: string[] = []
    answer.array(() => {
      answer.string()
      clients.push(answer.string() ?? '')
      answer.string()
      answer.data()
      answer.data()
    })
    members.set(group, clients)
  })
  return members
}

/** host:port of the broker that coordinates a group. Rejects with `Unavailable`. */
export async function coordinatorOf(ask: Ask, group: string): Promise<string> {
  const answer = await ask(findCoordinator, protocolWriter().string(group).int8(groupKey).bytes())
  answer.int32()
  const error = answer.int16()
  answer.string()
  answer.int32()
  const host = answer.string() ?? ''
  if (error !== 0) throw new Unavailable(`Kafka does not tell who coordinates ${group}`)
  return `${host.includes(':') ? `[${host}]` : host}:${answer.int32()}`
}
