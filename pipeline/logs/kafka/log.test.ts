import { test } from 'vitest'
import { describeLog } from '../../../testing/engine/log-conformance.js'
import { brokerAddress, kafkaLogsAt } from '../../../testing/logs/kafka/log-under-test.js'

const broker = await brokerAddress()
if (broker.address === null) test.skip(`the Kafka log: ${broker.missing}`, () => undefined)
else describeLog('kafka', kafkaLogsAt(broker.address), { members: true, durable: true, holes: true })
