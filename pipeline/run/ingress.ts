/** What the ingress is started with, whatever engine is behind it. */
import type { IngressOptions } from '../../ingress/options.js'
import type { Recipients } from '../../ingress/ports.js'
import { tenant } from '../../schemas/tenant.js'
import type { CompatConfig } from '../config/compat.js'
import type { Config } from '../config/config.js'
import { carillonVersion } from '../config/version.js'

/** How long the cancel route waits for the verdict, and a fresh id for its record. */
const settleWaitMs = 2000

/** As the configuration says. */
export function ingressOptions({ apiKey, corsOrigins, trustedProxies, dedupe, retry, compat }: Config): IngressOptions {
  const { a, b, c } = compat
  const { requestsPerMinute, duplicateWindowMs } = b
  return {
    ...{ apiKey, corsOrigins, trustedProxies, settleWaitMs },
    dedupeWindowMs: dedupe.windowMs,
    retryBounds: retry.requests,
    version: carillonVersion(),
    compat: { a: a.enabled, b: b.enabled ? { requestsPerMinute, duplicateWindowMs } : null, c: c.enabled },
  }
}

/** The users that contract A's demo knows. */
const users = [
  { id: '1', name: 'Emma' },
  { id: '2', name: 'Bruno' },
  { id: '3', name: 'Rick' },
  { id: '4', name: 'Lena' },
] as const

/** Tells of those about whom nothing is known yet, where they are wanted. */
export async function seedDemoUsers(
  { enabled, demoUsers }: CompatConfig['a'],
  recipients: Pick<Recipients, 'get' | 'put'>,
  nowMs: number,
): Promise<void> {
  if (!enabled || !demoUsers) return
  const now = new Date(nowMs).toISOString()
  for (const user of users) {
    if (await recipients.get(tenant, user.id)) continue
    await recipients.put(tenant, { ...user, createdAt: now, updatedAt: now })
  }
}
