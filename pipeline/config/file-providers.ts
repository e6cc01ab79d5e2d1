/** The providers of the file: what each kind accepts. */
import { z } from 'zod'
import type { Channel } from '../../schemas/streams.js'
import { defaults } from './defaults.js'
import { isAllowEntry, mailFrom, section, text, token, urlText, variableName, whole } from './fields.js'
import { retryOverride } from './retry.js'

const rateError = 'must be a number from 0.01 to 100000, in messages a second'
/** A limit of a provider or a channel. */
export const ratePerSecond = z
  .number({ error: rateError })
  .min(0.01, { error: rateError })
  .max(100_000, { error: rateError })
  .optional()

function providerOf<K extends 'smtp' | 'webhook' | 'http', C extends Channel, S extends z.ZodRawShape>(
  kind: K,
  carries: readonly [C, ...C[]],
  usually: readonly C[],
  more: S,
) {
  const error = `must be a list of some of: ${carries.join(', ')}`
  return section({
    kind: z.literal(kind).meta({ description: 'What kind of provider this is.' }),
    name: text(
      (value) => /^[a-z][a-z0-9-]{0,62}$/.test(value) && value !== 'inbox' && value !== 'outbox',
      'must be a name of lower-case letters, digits and hyphens, other than inbox and outbox',
    ).meta({ description: 'The name in records and metrics.' }),
    channels: z
      .array(z.enum(carries, { error: `must be one of: ${carries.join(', ')}` }), { error })
      .min(1, { error })
      .max(carries.length, { error })
      .default([...usually])
      .meta({ description: 'The channels that it carries.' }),
    ratePerSecond: ratePerSecond.meta({ unset: 'no limit', description: 'Messages a second.' }),
    concurrency: whole(1, 1_000)
      .optional()
      .meta({ unset: `${defaults.policies[kind].concurrency}`, description: 'Calls in flight at once.' }),
    timeoutMs: whole(100, 120_000)
      .optional()
      .meta({ unset: `${defaults.policies[kind].timeoutMs}`, description: 'When a call is given up.' }),
    onUnknown: z
      .enum(['resend', 'park'], { error: 'must be resend or park' })
      .optional()
      .meta({ unset: defaults.onUnknown, description: 'What to do when the answer of a call was lost.' }),
    secretEnv: variableName
      .optional()
      .meta({ description: 'The variable that holds the secret, so that the file need not.' }),
    retry: retryOverride.optional().meta({ unset: 'as its channel', description: 'When it is called again.' }),
    ...more,
  })
}

const allow = z
  .array(
    text(isAllowEntry, 'must be a host or a network, with a port or none, like hooks.internal:8080 or 10.0.0.0/8'),
    {
      error: 'must be a list of hosts or networks',
    },
  )
  .max(1_000, { error: 'must hold at most 1000 hosts or networks' })

/** One entry of `providers`. */
export const provider = z.discriminatedUnion(
  'kind',
  [
    providerOf('smtp', ['email'], ['email'], {
      url: urlText(['smtp', 'smtps'], true).meta({ description: 'Where it is.' }),
      from: mailFrom.optional().meta({ unset: 'CARILLON_MAIL_FROM', description: 'The sender.' }),
      secret: text((value) => value !== '', 'must be the password')
        .optional()
        .meta({ description: 'The password.' }),
    }),
    providerOf('webhook', ['webhook'], ['webhook'], {
      secret: z.string().optional().meta({
        accepts: 'whsec_ and 8 to 128 bytes in base64',
        description: 'The secret that signs, in place of `CARILLON_WEBHOOK_SECRET`.',
      }),
      allow: allow.optional().meta({ description: 'Hosts and networks, in addition to `CARILLON_WEBHOOK_ALLOW`.' }),
    }),
    providerOf('http', ['email', 'sms', 'push', 'slack'], ['sms', 'push'], {
      url: urlText(['http', 'https'], false).meta({ description: 'Where it is.' }),
      secret: token.optional().meta({ description: 'A bearer token.' }),
    }),
  ],
  {
    error: ({ code }) =>
      code === 'invalid_union' ? 'must be smtp, webhook or http' : 'must be a mapping of keys like name: …',
  },
)

/** A provider as the file gives it. */
export type FileProvider = z.infer<typeof provider>
