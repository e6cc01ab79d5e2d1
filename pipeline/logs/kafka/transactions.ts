/** The transactions of one member: everything of one is visible together, or nothing.
 *
 *  Retriable errors repeat the call, abortable ones abort and write all again from memory, for the group may merely have
 *  moved on; any other ends the producer. After a time-out of a commit or an abort nobody knows what the broker has
 *  done: the producer is ended, and the member that comes next asks what is committed. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaConsumer, LibrdKafkaError, Producer, TopicPartitionOffset } from 'node-rdkafka'
import { Unavailable } from '../../../schemas/errors.js'
import { Fenced, type NewRecord } from '../../engine/log.js'
import { type Clients, disconnect } from './clients.js'
import { answerWithin, codeOf, codes, isRebalance, logError, NoAnswer, verdictOf } from './library.js'
import { produce } from './wire.js'

const callTimeoutMs = 5000
/** The same call again, at most. */
const callAttempts = 3
const retryPauseMs = 50
/** Attempts of a transaction that a broker refused. */
const refusedAttempts = 3
/** A rebalance takes some heartbeats; until it is through, the group's old generation is refused. */
const rebalancePatienceMs = 15_000
/** Waits for room in the producer's queue. */
const queuePatienceMs = 10_000
const maxQueuedRecords = 50_000
const maxQueuedKilobytes = 64 * 1024

/** A record with its topic; partition null: as the key says. */
export interface Output extends Pick<NewRecord, 'key' | 'value' | 'headers' | 'timestampMs'> {
  readonly topic: string
  readonly partition: number | null
}

export interface Transactions {
  /** Writes and commits. `stillOurs` is asked before each attempt, and throws where the work is no longer this
   *  member's. Rejects with `Fenced`, or `Unavailable`; then it can be used no more. */
  commit(
    outputs: readonly Output[],
    offsets: readonly TopicPartitionOffset[],
    member: KafkaConsumer,
    stillOurs: () => void,
  ): Promise<void>
  /** Resolves when no call uses the member's consumer: before that it must not be disconnected. */
  quiet(): Promise<void>
  close(): Promise<void>
}

export interface TransactionOptions {
  readonly transactionalId: string
  /** How long a transaction of a process that died may stay open. */
  readonly timeoutMs: number
  /** A call never came back: the producer and a thread of the pool are lost to it. */
  onStuck(error: Error): void
  /** For tests: called before each commit; what it throws is an abortable error. */
  readonly beforeCommit?: (() => void) | undefined
}

/** A producer of its own, with its transactions: those of a predecessor with the same id are aborted. */
export async function openTransactions(clients: Clients, options: TransactionOptions): Promise<Transactions> {
  const producer = await clients.producer({
    'transactional.id': options.transactionalId,
    'transaction.timeout.ms': options.timeoutMs,
    'linger.ms': 1,
    // The marks of the last transaction may still be on their way when the next begins. The default of 100 ms would be
    // waited for at each.
    'retry.backoff.ms': 2,
    'queue.buffering.max.messages': maxQueuedRecords,
    'queue.buffering.max.kbytes': maxQueuedKilobytes,
  })
  try {
    await again(() =>
      answerWithin<void>('initTransactions', callTimeoutMs, (done) =>
        producer.initTransactions(callTimeoutMs, untyped(done)),
      ),
    )
  } catch (error) {
    await disconnect(producer)
    throw logError(error, 'The transactions could not be begun')
  }
  let closed = false
  let stuck = false
  /** The call that uses the member's consumer. */
  let sending: Promise<void> = Promise.resolve()

  return {
    close,
    quiet: () => sending,
    async commit(outputs, offsets, member, stillOurs) {
      const startedMs = performance.now()
      for (let attempt = 1; ; attempt++) {
        if (closed) throw new Unavailable('The producer is closed')
        try {
          stillOurs()
          return await transact(outputs, offsets, member, stillOurs)
        } catch (error) {
          const aborted = error instanceof Aborted
          const moving = isRebalance(error) && performance.now() - startedMs < rebalancePatienceMs
          if (aborted && error.mayPass && (moving || (!isRebalance(error) && attempt < refusedAttempts))) {
            await sleep(moving ? retryPauseMs : retryPauseMs * attempt)
            continue
          }
          // librdkafka's issue 5456: sendOffsetsToTransaction may never return where the broker went away.
          if (error instanceof NoAnswer && !stuck) {
            stuck = true
            options.onStuck(error)
          }
          if (!aborted) void close()
          throw logError(aborted ? error.cause : error, 'A transaction could not be committed')
        }
      }
    },
  }

  /** A producer that holds a call for ever would hold its end for ever, too. */
  async function close(): Promise<void> {
    if (closed) return
    closed = true
    producer.setPollInterval(0)
    if (!stuck) await disconnect(producer)
  }

  async function transact(
    outputs: readonly Output[],
    offsets: readonly TopicPartitionOffset[],
    member: KafkaConsumer,
    stillOurs: () => void,
  ): Promise<void> {
    await answerWithin<void>('beginTransaction', callTimeoutMs, (done) => producer.beginTransaction(untyped(done)))
    try {
      for (const output of outputs) {
        if (!offer(producer, output)) await produceInTime(producer, output)
      }
      if (offsets.length > 0) {
        stillOurs()
        await again(() => sendOffsets(offsets, member))
        // The broker took them from who the member is now. Had it lost its partitions and joined anew, that says nothing.
        stillOurs()
      }
      options.beforeCommit?.()
      await again(() =>
        answerWithin<void>('commitTransaction', callTimeoutMs, (done) =>
          producer.commitTransaction(callTimeoutMs, untyped(done)),
        ),
      )
    } catch (error) {
      // What is neither abortable nor foreign to the library leaves the transaction in an unknown state.
      if (verdictOf(error) !== 'abort' && (isOfLibrary(error) || error instanceof NoAnswer)) throw error
      await again(() =>
        answerWithin<void>('abortTransaction', callTimeoutMs, (done) =>
          producer.abortTransaction(callTimeoutMs, untyped(done)),
        ),
      )
      throw new Aborted(error)
    }
  }

  function sendOffsets(offsets: readonly TopicPartitionOffset[], member: KafkaConsumer): Promise<void> {
    // A list of partitions costs some memory for good: it names only those that moved.
    const list = [...offsets]
    return answerWithin<void>('sendOffsetsToTransaction', callTimeoutMs, (done) => {
      sending = new Promise((resolve) => {
        producer.sendOffsetsToTransaction(list, member, callTimeoutMs, (error) => {
          resolve()
          done(error, undefined)
        })
      })
    })
  }
}

/** A member that the group does not know any more gives its partitions up; a record stays as large as it is. */
const hopeless: ReadonlySet<number> = new Set([codes.unknownMember, codes.tooLarge])

/** The transaction was aborted; the producer can begin another. */
class Aborted extends Error {
  override readonly name = 'Aborted'
  readonly code: number
  /** False: it fails again however often it is tried. */
  readonly mayPass: boolean
  constructor(cause: unknown) {
    super('The transaction was aborted', { cause })
    this.code = codeOf(cause)
    this.mayPass = !hopeless.has(this.code) && !(cause instanceof Fenced)
  }
}

/** False: the queue is full. */
function offer(producer: Producer, output: Output): boolean {
  try {
    produce(producer, output.topic, output.partition, output)
    return true
  } catch (error) {
    if (codeOf(error) === codes.queueFull) return false
    throw new NotProduced(error)
  }
}

async function produceInTime(producer: Producer, output: Output): Promise<void> {
  const deadline = performance.now() + queuePatienceMs
  while (!offer(producer, output)) {
    if (performance.now() > deadline) throw new NotProduced(new Unavailable('The queue stays full'))
    producer.poll()
    await sleep(1)
  }
}

/** The library did not take a record; the transaction itself is sound and can be aborted. */
class NotProduced extends Error {
  override readonly name = 'NotProduced'
  readonly code: number
  constructor(cause: unknown) {
    super('A record was not taken by the producer', { cause })
    this.code = codeOf(cause)
  }
}

function isOfLibrary(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'isTxnRequiresAbort' in error
}

async function again(call: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call()
    } catch (error) {
      if (verdictOf(error) !== 'again' || attempt >= callAttempts) throw error
      await sleep(retryPauseMs)
    }
  }
}

/** Calls that answer nothing have no second argument. */
function untyped(
  done: (error: LibrdKafkaError | null | undefined, result: undefined) => void,
): (error: LibrdKafkaError) => void {
  return (error) => done(error, undefined)
}
