/** The file's `tracing` section, and what comes of it and of OpenTelemetry's own variables
 *  (https://opentelemetry.io/docs/specs/otel/protocol/exporter/): those win, for they are how operators hand a collector
 *  to everything they run. */
import { z } from 'zod'
import { defaults } from './defaults.js'
import type { Environment } from './environment.js'
import { section, text, urlText, variableName } from './fields.js'

/** Where traces go. Its headers may be secret: never to be logged. */
export interface TracingConfig {
  /** Takes OTLP over HTTP, in Protobuf. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Of the traces that begin here, how many are recorded: 0 to 1. */
  readonly sampleRatio: number
  readonly serviceName: string
}

const ratioError = 'must be a number from 0 to 1'

/** The section `tracing`. */
export const tracingSection = section({
  endpoint: urlText(['http', 'https'], false)
    .optional()
    .meta({ description: 'Where traces go. Carillon adds `/v1/traces` to it.' }),
  headersEnv: variableName
    .optional()
    .meta({ description: 'The variable that holds headers for it: `name=value,name=value`, percent-encoded.' }),
  sampleRatio: z
    .number({ error: ratioError })
    .min(0, { error: ratioError })
    .max(1, { error: ratioError })
    .default(defaults.traceRatio)
    .meta({ description: 'The share of the traces that begin here that is recorded.' }),
})

/** The section, its defaults filled in. */
export type TracingSection = z.infer<typeof tracingSection>

/** Null where tracing is off, and one line for each problem. */
export interface ResolvedTracing {
  readonly tracing: TracingConfig | null
  readonly problems: readonly string[]
}

const url = urlText(['http', 'https'], false)
const headerList = text(
  (value) => listOf(value).every(([name, said]) => /^[!#$%&'*+.^_`|~\w-]+$/.test(name) && isHeaderValue(said)),
  'must be headers like name=value,name=value, their values percent-encoded',
)
const ratio = text((value) => /^\d(?:\.\d+)?$/.test(value) && Number(value) <= 1, ratioError)
/** OpenTelemetry’s variables that Carillon reads: docs/configuration.md is made from them. */
export const tracingVariables = z.object({
  OTEL_EXPORTER_OTLP_ENDPOINT: url.optional().meta({
    description:
      'The collector of all signals. Carillon adds `/v1/traces` to it. Tracing is off without it and the next one.',
  }),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url.optional().meta({ description: 'The whole address for traces.' }),
  OTEL_EXPORTER_OTLP_HEADERS: headerList.optional().meta({ description: 'Headers for either address.' }),
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: headerList
    .optional()
    .meta({ description: 'More headers; they replace those of the same name.' }),
  OTEL_SERVICE_NAME: text(isHeaderValue, 'must be the name of a service')
    .optional()
    .meta({ unset: 'carillon', description: 'The name that Carillon has in its traces.' }),
  OTEL_TRACES_SAMPLER_ARG: ratio.optional().meta({
    unset: `${defaults.traceRatio}`,
    description:
      'The share of the traces that begin here that is recorded. The sampler is always `parentbased_traceidratio`.',
  }),
  OTEL_SDK_DISABLED: z
    .string()
    .optional()
    .meta({ accepts: 'true, or anything else', description: '`true` switches tracing off, whatever else is set.' }),
})

/** `place` names a key of the file. */
export function resolveTracing(
  { endpoint, headersEnv, sampleRatio }: TracingSection,
  place: (key: string) => string,
  environment: Environment,
): ResolvedTracing {
  const parsed = tracingVariables.safeParse(present(environment))
  if (!parsed.success) {
    return { tracing: null, problems: parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) }
  }
  const given = parsed.data
  const base = given.OTEL_EXPORTER_OTLP_ENDPOINT ?? endpoint
  const whole = given.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? (base && tracesAt(base))
  if (whole === undefined || given.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return { tracing: null, problems: [] }
  const named = headersEnv === undefined ? undefined : environment[headersEnv]
  if (headersEnv !== undefined && !headerList.safeParse(named).success) {
    const problem = `${place('tracing.headersEnv')}: the variable ${headersEnv} must hold headers like name=value,name=value`
    return { tracing: null, problems: [problem] }
  }
  const headers = [named, given.OTEL_EXPORTER_OTLP_HEADERS, given.OTEL_EXPORTER_OTLP_TRACES_HEADERS]
  return {
    tracing: {
      url: whole,
      headers: Object.fromEntries(headers.flatMap((list) => listOf(list ?? ''))),
      sampleRatio: given.OTEL_TRACES_SAMPLER_ARG === undefined ? sampleRatio : Number(given.OTEL_TRACES_SAMPLER_ARG),
      serviceName: given.OTEL_SERVICE_NAME ?? 'carillon',
    },
    problems: [],
  }
}

/** The signal's path below a base, which may have one of its own. */
function tracesAt(base: string): string {
  return `${base.replace(/\/+$/, '')}/v1/traces`
}

/** As W3C's Baggage writes lists, which is what OpenTelemetry's variables have. */
function listOf(value: string): (readonly [string, string])[] {
  return value
    .split(',')
    .filter((entry) => entry.trim() !== '')
    .map((entry) => {
      const [name = '', ...said] = entry.split('=')
      return [name.trim().toLowerCase(), decoded(said.join('=').trim())]
    })
}

/** Empty for what is not percent-encoded as it should be. */
function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return ''
  }
}

function isHeaderValue(value: string): boolean {
  return /^[\x20-\x7e]+$/.test(value)
}

/** Those of the variables that are set; an empty one is not. */
function present(environment: Environment): Record<string, string> {
  return Object.fromEntries(
    Object.keys(tracingVariables.shape).flatMap((name) => {
      const value = environment[name]
      return value === undefined || value === '' ? [] : [[name, value]]
    }),
  )
}
