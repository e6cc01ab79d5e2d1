/** Which contracts of other systems are answered, and by what rules. */
import { z } from 'zod'
import { defaults } from './defaults.js'
import { section, whole } from './fields.js'

const enabled = z
  .boolean({ error: 'must be true or false' })
  .default(true)
  .meta({ description: 'Whether Carillon answers this contract.' })
const rateError = 'must be a number from 0.01 to 100000, in messages a second and channel, or null for no limit'
const perMinuteError = 'must be a whole number from 1 to 1000000, or null for no limit'

/** `compat` in the file. */
export const compatSection = section({
  a: section({
    enabled,
    /** Left out: where the log is embedded. */
    demoUsers: z.boolean({ error: 'must be true or false' }).optional().meta({
      unset: 'true; on Kafka false',
      description:
        'Whether Carillon adds the users 1 to 4 of the contract’s demo (Emma, Bruno, Rick, Lena) where they are missing.',
    }),
  }).prefault({}),
  b: section({
    enabled,
    requestsPerMinute: z
      .int({ error: perMinuteError })
      .min(1, { error: perMinuteError })
      .max(1_000_000, { error: perMinuteError })
      .nullable()
      .default(defaults.compatRequestsPerMinute)
      .meta({ description: 'Requests a minute from one address, in each process. With null there is no limit.' }),
    duplicateWindowMs: whole(1_000, 86_400_000)
      .default(defaults.compatDuplicateWindowMs)
      .meta({ description: 'How long the same description for the same user is a duplicate.' }),
  }).prefault({}),
  c: section({
    enabled,
    ratePerSecond: z
      .number({ error: rateError })
      .min(0.01, { error: rateError })
      .max(100_000, { error: rateError })
      .nullable()
      .default(defaults.compatRatePerSecond)
      .meta({
        description:
          'Messages a second of this contract on each channel, over all processes. With null there is no limit.',
      }),
  }).prefault({}),
})

/** How the contracts of other systems are answered. */
export interface CompatConfig {
  readonly a: {
    readonly enabled: boolean
    /** True: its four users are put among the recipients where they are missing. */
    readonly demoUsers: boolean
  }
  readonly b: {
    readonly enabled: boolean
    /** From one address; null: as many as come. */
    readonly requestsPerMinute: number | null
    readonly duplicateWindowMs: number
  }
  readonly c: {
    readonly enabled: boolean
    /** Of its traffic, on each channel; null: no limit. */
    readonly ratePerSecond: number | null
  }
}

/** The section with every default. `embedded`: the log is no Kafka. */
export function resolveCompat({ a, b, c }: z.infer<typeof compatSection>, embedded: boolean): CompatConfig {
  return { a: { enabled: a.enabled, demoUsers: a.demoUsers ?? embedded }, b, c }
}
