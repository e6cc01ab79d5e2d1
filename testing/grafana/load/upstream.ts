/** An upstream that writes to Kafka itself: events that are taken in, and some that are refused. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { createCodec } from '../../../pipeline/engine/codec.js'
import { answerOf, loadKafka } from '../../../pipeline/logs/kafka/library.js'
import { kafkaNames } from '../../../pipeline/logs/kafka/names.js'
import type { NotificationInbound } from '../../../schemas/events.js'
import { inbound } from '../../../schemas/outgoing.js'
import type { Load } from './every-event.js'

const everyMs = 250
const flushMostMs = 2000
const pollEveryMs = 20

const event: NotificationInbound = {
  id: null,
  eventId: null,
  tenant: 'default',
  to: { id: 'user-4', email: null, phone: null, device: null, webhook: null, slack: null },
  channels: null,
  template: null,
  content: '{"body":"Hello"}',
  data: '{}',
  priority: 'high',
  sendAt: null,
  expiresAt: null,
  retry: null,
  dedupe: null,
  metadata: '{}',
  correlationId: null,
  replays: 0,
}
/** There is no such template; the data is none; the bytes are no event. */
const refused = [{ template: 'none' }, { data: 'none' }]

/** `broker`: host:port. `prefix`: of Carillon's topics. */
export async function startUpstream(broker: string, prefix: string): Promise<Load> {
  const codec = createCodec()
  const { Producer } = await loadKafka()
  const producer = new Producer({ 'bootstrap.servers': broker })
  producer.on('event.error', () => undefined)
  await answerOf((done) => producer.connect({}, done))
  producer.setPollInterval(pollEveryMs)
  let stopped = false
  const running = write()

  async function write(): Promise<void> {
    for (let round = 0; !stopped; round++) {
      const odd = round % 4 === 3 ? refused[Math.floor(round / 4) % refused.length] : {}
      const { topic, value } = codec.encode(inbound({ ...event, ...odd }, randomUUID()), Date.now())
      const bytes = round % 16 === 0 ? Buffer.from('no event') : Buffer.from(value ?? [])
      try {
        producer.produce(kafkaNames(prefix).nameOf(topic), null, bytes)
      } catch {
        // Its queue is full while the broker is away.
      }
      await sleep(everyMs)
    }
  }

  return {
    async stop() {
      stopped = true
      await running
      await answerOf<undefined>((done) => producer.flush(flushMostMs, (error) => done(error, undefined))).catch(
        () => undefined,
      )
      await answerOf((done) => producer.disconnect(done))
    },
  }
}
