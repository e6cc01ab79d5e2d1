/** Who is in a consumer group: what node-rdkafka cannot tell.
 *
 *  FindCoordinator, version 1: key key_type=0 → throttle_ms error_code error_message node_id host port
 *  DescribeGroups, version 0:  [group] → [error_code group state protocol_type protocol
 *                              [member_id client_id client_host metadata assignment]] */
import { Unavailable } from '../../ingress/ports.js'
import { askBroker } from './broker-connection.js'
import type { KafkaConnection } from './library.js'
import { protocolWriter } from './protocol.js'

const findCoordinator = { key: 10, version: 1 }
const describeGroups = { key: 15, version: 0 }
const groupKey = 0

/** The client ids of a group's members. Rejects with `Unavailable`. */
export async function memberClients(connection: KafkaConnection, group: string): Promise<readonly string[]> {
  const brokers = await coordinatorOf(connection, group)
  const body = protocolWriter()
    .array([group], (writer, name) => writer.string(name))
    .bytes()
  const answer = await askBroker({ ...connection, brokers }, describeGroups, body)
  const clients: string[] = []
  answer.array(() => {
    if (answer.int16() !== 0) throw new Unavailable(`Kafka does not tell who is in ${group}`)
    for (let field = 0; field < 4; field++) answer.string()
    answer.array(() => {
      answer.string()
      clients.push(answer.string() ?? '')
      answer.string()
      answer.data()
      answer.data()
    })
  })
  return clients
}

async function coordinatorOf(connection: KafkaConnection, group: string): Promise<string> {
  const answer = await askBroker(connection, findCoordinator, protocolWriter().string(group).int8(groupKey).bytes())
  answer.int32()
  const error = answer.int16()
  answer.string()
  answer.int32()
  const host = answer.string() ?? ''
  if (error !== 0) throw new Unavailable(`Kafka does not tell who coordinates ${group}`)
  return `${host.includes(':') ? `[${host}]` : host}:${answer.int32()}`
}
