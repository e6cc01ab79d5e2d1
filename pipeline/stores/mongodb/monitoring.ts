/** Tells what the driver does: how long each command takes, and how many connections there are. */
import {
  type CommandFailedEvent,
  type CommandSucceededEvent,
  type MongoClient,
  MongoNetworkError,
  MongoNetworkTimeoutError,
  MongoServerError,
  MongoServerSelectionError,
} from 'mongodb'

export interface MongoObserver {
  /** A command was answered, or no server was found to ask (`connect`). `operation` and `failure` come from bounded sets;
   *  `failure` is null where it went well, also where a document was refused as one of many, or for its key. */
  ran(operation: string, ms: number, failure: string | null): void
  /** Connections to all members that are open now. */
  connections(idle: number, used: number): void
}

const operations: ReadonlySet<string> = new Set([
  'aggregate',
  'bulkWrite',
  'count',
  'createIndexes',
  'delete',
  'distinct',
  'find',
  'findAndModify',
  'getMore',
  'insert',
  'listIndexes',
  'ping',
  'update',
])
const other = 'other'

/** Names of the server's error_codes.yml that tell an operator something. */
const failures: ReadonlySet<string> = new Set([
  'AuthenticationFailed',
  'DuplicateKey',
  'ExceededTimeLimit',
  'HostUnreachable',
  'InterruptedAtShutdown',
  'InterruptedDueToReplStateChange',
  'MaxTimeMSExpired',
  'NetworkTimeout',
  'NotPrimaryNoSecondaryOk',
  'NotWritablePrimary',
  'OutOfDiskSpace',
  'PrimarySteppedDown',
  'ShutdownInProgress',
  'StaleConfig',
  'Unauthorized',
  'UnsatisfiableWriteConcern',
  'WriteConcernTimeout',
  'WriteConflict',
])

/** The client must have been made with `monitorCommands`. */
export function observeMongo(client: MongoClient, observer: MongoObserver): void {
  client.on('commandSucceeded', ({ commandName, duration }: CommandSucceededEvent) =>
    observer.ran(nameOf(commandName), duration, null),
  )
  client.on('commandFailed', ({ commandName, duration, failure }: CommandFailedEvent) =>
    observer.ran(nameOf(commandName), duration, failureOf(failure)),
  )
  /** By member and number; the driver bounds how many there are. */
  const open = new Set<string>()
  const used = new Set<string>()
  const tell = (): void => observer.connections(open.size - used.size, used.size)
  client.on('connectionReady', (event) => {
    open.add(keyOf(event))
    tell()
  })
  client.on('connectionCheckedOut', (event) => {
    used.add(keyOf(event))
    tell()
  })
  client.on('connectionCheckedIn', (event) => {
    used.delete(keyOf(event))
    tell()
  })
  client.on('connectionClosed', (event) => {
    open.delete(keyOf(event))
    used.delete(keyOf(event))
    tell()
  })
}

/** Tells of a call that found no server: the driver tells only of commands that it sent. */
export function tellUnreached(error: unknown, ms: number, observer: MongoObserver): void {
  if (error instanceof MongoServerSelectionError) observer.ran('connect', ms, 'unreachable')
}

function keyOf({ address, connectionId }: { readonly address: string; readonly connectionId: unknown }): string {
  return `${address}/${String(connectionId)}`
}

function nameOf(command: string): string {
  return operations.has(command) ? command : other
}

/** The name of a code that is known; what kind of loss it was where the server said nothing. */
function failureOf(error: unknown): string {
  if (error instanceof MongoNetworkTimeoutError) return 'timeout'
  if (error instanceof MongoNetworkError) return 'network'
  if (!(error instanceof MongoServerError)) return other
  const { codeName } = error
  return typeof codeName === 'string' && failures.has(codeName) ? codeName : other
}
