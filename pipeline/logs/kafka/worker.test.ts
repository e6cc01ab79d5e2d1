import { test } from 'vitest'
import { describeWorkers } from '../../../testing/engine/worker-conformance.js'
import { brokerAddress, kafkaLogsAt } from '../../../testing/logs/kafka/log-under-test.js'

const broker = await brokerAddress()
if (broker.address === null) test.skip(`workers on the Kafka log: ${broker.missing}`, () => undefined)
else describeWorkers('kafka', kafkaLogsAt(broker.address), { members: true, durable: true, holes: true })
