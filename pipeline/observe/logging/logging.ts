/** The log for operators: JSON lines, or a readable form on a terminal.
 *
 *  Invariant: only the fields named here are written. What is not on the list, content and addresses of people above
 *  all, cannot reach the log by mistake; an error gives its name, code, message, stack and causes, nothing it carries. */
import type { DestinationStream } from 'pino'
import pino from 'pino'
import pinoPretty from 'pino-pretty'
import type { LogLevel } from '../../config/environment.js'

/** Every field that the log knows. Numbers of time end in their unit. */
const fields = [
  ...['stage', 'group', 'lane', 'topic', 'partition', 'offset', 'recordId', 'notificationId', 'deliveryId', 'batchId'],
  ...['channel', 'provider', 'destination', 'breaker', 'outcome', 'attempt', 'reason', 'cause', 'event', 'schemaId'],
  ...['count', 'records', 'restarts', 'waitMs', 'durationMs', 'latencyMs', 'leftMs', 'perSecond', 'bytes', 'lag'],
  // As OpenTelemetry has it for logs that are JSON: https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/
  ...['trace_id', 'span_id'],
  ...['method', 'route', 'status', 'correlationId', 'listensOn', 'port', 'folder', 'version', 'signal', 'problems'],
] as const
const known: ReadonlySet<string> = new Set([...fields, 'error'])

type Plain = string | number | boolean | null | undefined | readonly string[]

/** What one line may say beside its message. */
export type LogFields = { readonly [F in (typeof fields)[number]]?: Plain } & { readonly error?: unknown }

/** Writes lines. Messages are constant texts: what differs from line to line goes into fields. */
export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

export interface LoggingOptions {
  readonly level: LogLevel
  /** Where the lines go; standard error unless said, for standard output is the command's own. */
  readonly destination?: DestinationStream
  /** Readable lines instead of JSON; unless said, on a terminal. */
  readonly pretty?: boolean
}

const standardError = 2
/** Lines that wait for a slow reader of standard error; beyond that they are dropped. */
const maxWaitingBytes = 8 * 1024 * 1024
const maxTextLength = 2000
const maxStackLength = 8000
const maxListLength = 100
const maxCauses = 5

/** A logger that writes until the process ends. */
export function createLogger({ level, destination, pretty = process.stderr.isTTY === true }: LoggingOptions): Logger {
  const logger = pino(
    {
      level,
      base: null,
      errorKey: 'error',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: allowed },
      // `allowed` has turned the error into plain fields already.
      serializers: { error: (error: unknown) => error },
    },
    pretty
      ? prettyTo(destination)
      : (destination ?? pino.destination({ dest: standardError, sync: false, maxLength: maxWaitingBytes })),
  )
  const write =
    (at: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, given: LogFields = {}) =>
      logger[at](given, message)
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
}

function prettyTo(destination: DestinationStream | undefined): DestinationStream {
  return pinoPretty({
    colorize: destination === undefined,
    translateTime: 'SYS:HH:MM:ss.l',
    errorLikeObjectKeys: [],
    singleLine: true,
    sync: true,
    destination: destination ?? standardError,
  })
}

function allowed(given: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(given)
      .filter(([field, value]) => known.has(field) && value !== undefined)
      .map(([field, value]) => [field, field === 'error' ? describeError(value) : plain(value)]),
  )
}

/** Anything but plain values is a mistake of the caller, and may hold anything: only its kind is written. */
function plain(value: unknown): unknown {
  if (typeof value === 'string') return safe(value, maxTextLength)
  if (Array.isArray(value)) return value.slice(0, maxListLength).map(plain)
  return typeof value === 'object' && value !== null ? '[object]' : value
}

interface ErrorFields {
  readonly name: string
  readonly code?: string
  readonly message: string
  readonly stack?: string
  readonly cause?: ErrorFields
}

/** An error without what it carries. */
export function describeError(error: unknown, depth = 0): ErrorFields {
  if (!(error instanceof Error)) return { name: 'Thrown', message: `A ${typeof error} was thrown instead of an error` }
  const { code } = error as NodeJS.ErrnoException
  return {
    name: error.name,
    ...(code === undefined ? {} : { code: safe(String(code), maxTextLength) }),
    message: safe(error.message, maxTextLength),
    ...(error.stack === undefined ? {} : { stack: safe(error.stack, maxStackLength) }),
    ...(error.cause === undefined || depth >= maxCauses ? {} : { cause: describeError(error.cause, depth + 1) }),
  }
}

/** Bounded, and masked: what other people's errors quote is the one way in that no list of fields closes. */
function safe(text: string, length: number): string {
  const masked = text
    .slice(0, 2 * length)
    .replaceAll(/\/\/[^\s/@]{1,256}@/g, '//[credentials]@')
    .replaceAll(/[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+/g, '[e-mail]')
    .replaceAll(/\+\d{7,15}\b/g, '[phone]')
  return masked.length <= length ? masked : `${masked.slice(0, length)}…`
}
