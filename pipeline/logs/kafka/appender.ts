/** The ingress's way into the log: an idempotent producer. An append resolves when every record is acknowledged by all
 *  in-sync replicas. One that is refused may have written a part, none of which was acknowledged. */
import type { DeliveryReport, LibrdKafkaError, Producer } from 'node-rdkafka'
import { Unavailable } from '../../../schemas/errors.js'
import type { NewRecord } from '../../engine/log.js'
import { type Clients, disconnect } from './clients.js'
import { logError } from './library.js'
import type { Names } from './names.js'
import { produce } from './wire.js'

/** Records on their way, over all appends. A single append may be that large, when nothing else is. */
const maxWaitingRecords = 100_000
const maxWaitingKilobytes = 128 * 1024
/** After which a record that no broker took is given up. */
const deliveryTimeoutMs = 10_000
/** After which an append is answered, whatever becomes of it: a broker that hangs holds what is on its way to it for
 *  longer than the time-out above. */
const answerTimeoutMs = 8000

export interface Appender {
  append(records: readonly NewRecord[]): Promise<void>
  close(): Promise<void>
}

interface Append {
  left: number
  error: unknown
  resolve(): void
  reject(error: unknown): void
}

/** Opens the producer. Rejects with `Unavailable` when no broker answers. */
export async function openAppender(clients: Clients, names: Names): Promise<Appender> {
  const appends = new Map<number, Append>()
  let waiting = 0
  let number = 0
  let broken = false
  let closed = false
  let producer = await open()

  return {
    async append(records) {
      if (records.length === 0) return
      if (closed) throw new Unavailable('The log is closed')
      if (broken) await reopen()
      if (waiting > 0 && waiting + records.length > maxWaitingRecords) {
        throw new Unavailable('Too many records wait for Kafka. Try again in a moment.')
      }
      let late: NodeJS.Timeout | undefined
      await new Promise<void>((resolve, reject) => {
        late = setTimeout(reject, answerTimeoutMs, new Unavailable('Kafka did not acknowledge in time. Try again.'))
        write(records, { left: 0, error: null, resolve, reject })
      }).finally(() => clearTimeout(late))
    },
    async close() {
      closed = true
      await new Promise((resolve) => producer.flush(deliveryTimeoutMs, resolve))
      producer.poll()
      await disconnect(producer)
      for (const append of appends.values()) append.reject(new Unavailable('The log was closed'))
    },
  }

  async function open(): Promise<Producer> {
    const opened = await clients.producer({
      dr_cb: true,
      'linger.ms': 2,
      'delivery.timeout.ms': deliveryTimeoutMs,
      'queue.buffering.max.messages': maxWaitingRecords,
      'queue.buffering.max.kbytes': maxWaitingKilobytes,
    })
    opened.on('delivery-report', (error, report) => delivered(error, report))
    opened.on('event.error', (error: LibrdKafkaError) => {
      if (error.isFatal || error.code === -150) broken = true
    })
    return opened
  }

  /** After a fatal error an idempotent producer sends nothing more. */
  async function reopen(): Promise<void> {
    broken = false
    const old = producer
    producer = await open().catch((error: unknown) => {
      broken = true
      throw error
    })
    await disconnect(old)
  }

  function write(records: readonly NewRecord[], append: Append): void {
    const own = number++
    appends.set(own, append)
    try {
      for (const record of records) {
        produce(producer, names.nameOf(record.topic), null, record, own)
        append.left++
        waiting++
      }
    } catch (error) {
      append.error = error
    }
    ack(own, append)
  }

  function delivered(error: LibrdKafkaError | null, { opaque }: DeliveryReport): void {
    waiting--
    const own: unknown = opaque
    const append = typeof own === 'number' ? appends.get(own) : undefined
    if (!append || typeof own !== 'number') return
    append.left--
    if (error) append.error ??= error
    ack(own, append)
  }

  function ack(own: number, append: Append): void {
    if (append.left > 0) return
    appends.delete(own)
    if (append.error === null) append.resolve()
    else append.reject(logError(append.error, 'Records could not be written'))
  }
}
