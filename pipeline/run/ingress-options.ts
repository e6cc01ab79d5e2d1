/** How the ingress behaves, whatever engine is behind it. */
import type { IngressOptions } from '../../ingress/options.js'
import type { Config } from '../config/config.js'
import { carillonVersion } from '../config/version.js'

/** How long the cancel route waits for the verdict, and a fresh id for its record. */
const settleWaitMs = 2000

/** As the configuration says. */
export function ingressOptions({ apiKey, corsOrigins, trustedProxies, dedupe, compat }: Config): IngressOptions {
  const { a, b, c } = compat
  const { requestsPerMinute, duplicateWindowMs } = b
  return {
    ...{ apiKey, corsOrigins, trustedProxies, settleWaitMs },
    dedupeWindowMs: dedupe.windowMs,
    version: carillonVersion(),
    compat: { a: a.enabled, b: b.enabled ? { requestsPerMinute, duplicateWindowMs } : null, c: c.enabled },
  }
}
