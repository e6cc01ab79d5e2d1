/** What the driver's errors mean to whoever calls a store.
 *
 *  Invariant: no error that leaves here holds a document, a key or a password: those of writes carry what was to be
 *  written, so they are not passed on as a cause. */
import {
  MongoBulkWriteError,
  MongoClientClosedError,
  MongoError,
  MongoNetworkError,
  MongoNotConnectedError,
  MongoServerError,
  MongoSystemError,
  MongoTopologyClosedError,
} from 'mongodb'
import { BadCursor, StorageFull, Unavailable } from '../../../schemas/errors.js'

/** MongoDB answered that it will not do this; trying again would not help. */
export class StoreRefused extends Error {
  override readonly name = 'StoreRefused'
  readonly code = 'store-refused'
}

export const duplicateKey = 11000
const outOfDisk = 14031

/** Codes of the server's error_codes.yml that pass with time, or with a repair of the server or its accounts. */
const passing: ReadonlySet<unknown> = new Set([
  6, // HostUnreachable
  7, // HostNotFound
  13, // Unauthorized
  18, // AuthenticationFailed
  50, // MaxTimeMSExpired
  64, // WriteConcernTimeout
  89, // NetworkTimeout
  91, // ShutdownInProgress
  100, // UnsatisfiableWriteConcern
  112, // WriteConflict
  133, // FailedToSatisfyReadPreference
  134, // ReadConcernMajorityNotAvailableYet
  189, // PrimarySteppedDown
  202, // NetworkInterfaceExceededTimeLimit
  262, // ExceededTimeLimit
  8000, // AtlasError
  9001, // SocketException
  10107, // NotWritablePrimary
  11600, // InterruptedAtShutdown
  11602, // InterruptedDueToReplStateChange
  13388, // StaleConfig
  13435, // NotPrimaryNoSecondaryOk
  13436, // NotPrimaryOrSecondary
])
const passingLabels = ['RetryableWriteError', 'TransientTransactionError', 'SystemOverloadedError']

/** Names of driver errors whose classes are not exported: no connection is free in time, or ever again. */
const poolErrors: readonly string[] = ['MongoWaitQueueTimeoutError', 'MongoPoolClosedError']

/** The error to throw for what a call to the driver threw. `what` completes "MongoDB refused to …". */
export function portError(what: string, error: unknown): unknown {
  if (isPortError(error)) return error
  if (error instanceof MongoBulkWriteError && error.errorResponse instanceof Error) {
    return portError(what, error.errorResponse) // What broke a bulk write as a whole.
  }
  if (error instanceof MongoServerError) return serverError(what, error)
  if (isAway(error)) return new Unavailable(`MongoDB does not answer. ${again}`, { cause: error })
  if (error instanceof MongoError) return new StoreRefused(`The MongoDB driver refused to ${what}: ${error.name}.`)
  return error
}

/** True where a document of that id, or of another unique value, is there already. */
export function isDuplicate(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === duplicateKey
}

const again = 'Try again in a moment.'

function serverError(what: string, error: MongoServerError): Error {
  const concern = error instanceof MongoBulkWriteError ? error.result.getWriteConcernError() : undefined
  const codes = [error.code, concern?.code]
  const told = `${nameOf(error)} (${error.code})`
  if (codes.includes(outOfDisk)) return new StorageFull('The disk of MongoDB is full.')
  const passes = codes.some((code) => passing.has(code)) || passingLabels.some((label) => error.hasErrorLabel(label))
  if (passes) return new Unavailable(`MongoDB could not ${what}: ${told}. ${again}`)
  return new StoreRefused(`MongoDB refused to ${what}: ${told}.`)
}

/** The server's name of the code, where it tells one. */
function nameOf(error: MongoServerError): string {
  const { codeName } = error
  return typeof codeName === 'string' ? codeName : error.name
}

function isAway(error: unknown): boolean {
  return (
    error instanceof MongoNetworkError ||
    error instanceof MongoSystemError ||
    error instanceof MongoTopologyClosedError ||
    error instanceof MongoNotConnectedError ||
    error instanceof MongoClientClosedError ||
    (error instanceof MongoError && poolErrors.includes(error.name))
  )
}

function isPortError(error: unknown): boolean {
  return [Unavailable, StorageFull, StoreRefused, BadCursor].some((kind) => error instanceof kind)
}
