/** Reads topics' settings, which node-rdkafka's admin client cannot: one DescribeConfigs request on a connection of its
 *  own. https://kafka.apache.org/protocol#The_Messages_DescribeConfigs
 *
 *  Request, version 1:  [resource_type=2 name [config_name]] include_synonyms
 *  Response, version 1: throttle_ms [error_code error_message resource_type name
 *                       [name value read_only source sensitive [name value source]]] */
import { askBroker } from './broker-connection.js'
import type { KafkaConnection } from './library.js'
import { type ProtocolReader, protocolWriter } from './protocol.js'

const describeConfigs = { key: 32, version: 1 }
const topicResource = 2

/** Settings by topic and name. Rejects with `Unavailable` where no broker answers or the login fails. */
export async function topicSettings(
  connection: KafkaConnection,
  topics: readonly string[],
  settings: readonly string[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
  const body = protocolWriter()
    .array(topics, (writer, topic) =>
      writer
        .int8(topicResource)
        .string(topic)
        .array(settings, (w, name) => w.string(name)),
    )
    .int8(0)
    .bytes()
  return read(await askBroker(connection, describeConfigs, body))
}

function read(answer: ProtocolReader): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const found = new Map<string, ReadonlyMap<string, string>>()
  answer.int32()
  answer.array(() => {
    const error = answer.int16()
    answer.string()
    answer.int8()
    const topic = answer.string() ?? ''
    const settings = new Map<string, string>()
    answer.array(() => {
      settings.set(answer.string() ?? '', answer.string() ?? '')
      answer.int8()
      answer.int8()
      answer.int8()
      answer.array(() => [answer.string(), answer.string(), answer.int8()])
    })
    if (error === 0) found.set(topic, settings)
  })
  return found
}
