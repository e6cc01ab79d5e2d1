/** The way to node-rdkafka. It is loaded only where Kafka is configured, for it has to be compiled, and never in a worker
 *  thread: it aborts there. */
import type { LibrdKafkaError } from 'node-rdkafka'
import { Unavailable } from '../../../schemas/errors.js'
import { Fenced } from '../../engine/log.js'

export type { KafkaConnection } from '../../config/kafka.js'
export type Kafka = typeof import('node-rdkafka')

/** Kafka is configured, and its library was not built. */
export class KafkaMissing extends Error {
  override readonly name = 'KafkaMissing'
  readonly code = 'kafka-missing'
}

/** Loads the library. Rejects with `KafkaMissing`. */
export async function loadKafka(): Promise<Kafka> {
  try {
    const { default: kafka } = (await import('node-rdkafka')) as unknown as { default: Kafka }
    return kafka
  } catch (error) {
    const how = 'npm rebuild node-rdkafka --ignore-scripts=false'
    throw new KafkaMissing(`Kafka's library is not built. It needs a C++ compiler, make and Python: ${how}`, {
      cause: error,
    })
  }
}

type Answer<T> = (done: (error: LibrdKafkaError | null | undefined, result: T) => void) => void

/** Turns one of the library's calls into a promise. Calls bound their own waits; see `answerWithin`. */
export function answerOf<T>(call: Answer<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    call((error, result) => {
      if (error) reject(error)
      else resolve(result)
    })
  })
}

/** A call of the library did not come back, though its time was over. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
  readonly code = 'no-answer'
}

/** The library's own time-outs have been seen not to come after a broker's restart. */
const graceMs = 3000

/** Calls that are over their time and have not come back. */
let hanging = 0

/** Makes a call that was given a time-out, and waits little longer than that. Rejects with `NoAnswer`; what was called
 *  must not be used any more then. */
export async function answerWithin<T>(name: string, timeoutMs: number, call: Answer<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const answer = answerOf(call)
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      hanging++
      answer.catch(() => undefined).finally(() => hanging--)
      reject(new NoAnswer(`${name} did not return`))
    }, timeoutMs + graceMs)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Ends this process. `process.exit` waits for the threads of calls, and so for ever where one never comes back: then the
 *  process kills itself, and the code is lost. */
export function endProcess(code: number): void {
  if (hanging > 0) process.kill(process.pid, 'SIGKILL')
  else process.exit(code)
}

/** What must be done about an error of the library. */
export type Verdict = 'again' | 'abort' | 'give-up'

/** Some of librdkafka's and the protocol's codes. */
export const codes = {
  fatal: -150,
  tooLarge: 10,
  queueFull: -184,
  timedOut: -185,
  fenced: -144,
  illegalGeneration: 22,
  unknownMember: 25,
  rebalanceInProgress: 27,
  producerEpoch: 47,
  inconsistentProtocol: 23,
  invalidGroupId: 24,
  topicRefused: 29,
  groupRefused: 30,
  fencedInstance: 82,
  producerFenced: 90,
  topicExists: 36,
  unstableOffsets: 88,
} as const

const fencing: ReadonlySet<number> = new Set([
  codes.fenced,
  codes.producerEpoch,
  codes.fencedInstance,
  codes.producerFenced,
])
const moving: ReadonlySet<number> = new Set([codes.illegalGeneration, codes.unknownMember, codes.rebalanceInProgress])

/** Retriable: the same call again. Abortable: the transaction is to be aborted. Anything else ends the producer. */
export function verdictOf(error: unknown): Verdict {
  const { isFatal, isRetriable, isTxnRequiresAbort } = error as Partial<LibrdKafkaError>
  if (isFatal) return 'give-up'
  if (isTxnRequiresAbort) return 'abort'
  return isRetriable ? 'again' : 'give-up'
}

/** The error's code; 0 where it has none. */
export function codeOf(error: unknown): number {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : 0
  return typeof code === 'number' ? code : 0
}

const refusing: ReadonlySet<number> = new Set([
  codes.inconsistentProtocol,
  codes.invalidGroupId,
  codes.topicRefused,
  codes.groupRefused,
])

/** True when the group does not take the member, and waiting does not help. */
export function isRefusal(error: unknown): boolean {
  return refusing.has(codeOf(error))
}

/** True of a group's consumer when another one took its name. It is the only fatal error of one. */
export function isReplaced(error: unknown): boolean {
  return [codes.fencedInstance, codes.fenced, codes.fatal].some((code) => code === codeOf(error))
}

/** True when another producer took the transactional id, or Kafka gave the transaction up. */
export function isFenced(error: unknown): boolean {
  return fencing.has(codeOf(error))
}

/** True when the group moved on meanwhile: a call with what it now is may well succeed. */
export function isRebalance(error: unknown): boolean {
  return moving.has(codeOf(error))
}

/** A record that Kafka does not take, however often it is tried. */
export class RecordTooLarge extends Error {
  override readonly name = 'RecordTooLarge'
  readonly code = 'record-too-large'
}

/** An error of the library in the log's terms. */
export function logError(error: unknown, what: string): Error {
  if (error instanceof Unavailable || error instanceof Fenced) return error
  if (codeOf(error) === codes.tooLarge) {
    return new RecordTooLarge(`${what}: a record is larger than Kafka takes`, { cause: error })
  }
  if (isFenced(error)) {
    const why = 'another process has taken this place (is a slot used twice?), or Kafka gave the transaction up'
    return new Fenced(`${what}: ${why}`, { cause: error })
  }
  if (isRebalance(error)) return new Fenced(`${what}: the group went on without this member`, { cause: error })
  return new Unavailable(`${what}: Kafka did not answer as it should. It is tried again.`, { cause: error })
}
