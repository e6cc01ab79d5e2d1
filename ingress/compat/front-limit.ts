/** Requests a minute from one address. */

import type { IncomingMessage } from 'node:http'
import { TTLCache } from '@isaacs/ttlcache'
import ipaddr from 'ipaddr.js'
import proxyAddress from 'proxy-addr'
import type { IngressContext } from '../endpoint.js'
import { Problem } from '../problem.js'

const minuteMs = 60_000
/** Addresses remembered. Beyond this those are forgotten whose minute ends first. */
const maxAddresses = 100_000

export interface FrontLimitOptions {
  /** Null: as many as come. */
  readonly requestsPerMinute: number | null
  /** Proxies whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[]
}

/** Counts a request; throws a `Problem` where its address has had its number. The minute begins with an address's first
 *  request. Each process counts for itself. */
export function frontLimit({ requestsPerMinute, trustedProxies }: FrontLimitOptions): (c: IngressContext) => void {
  if (requestsPerMinute === null) return () => undefined
  const counts = new TTLCache<string, number>({ max: maxAddresses, ttl: minuteMs })
  const trusts = proxyAddress.compile([...trustedProxies])

  return (c) => {
    const address = addressOf(c, trusts)
    const count = (counts.get(address) ?? 0) + 1
    counts.set(address, count, { noUpdateTTL: true })
    if (count <= requestsPerMinute) return
    const retryAfterSeconds = Math.max(1, Math.ceil(counts.getRemainingTTL(address) / 1000))
    const detail = `An address may ask ${requestsPerMinute} times a minute. Try again in ${retryAfterSeconds} s.`
    throw new Problem('too-many-requests', detail, [], { retryAfterSeconds })
  }
}

/** The last address that no trusted proxy vouches for. */
function addressOf(c: IngressContext, trusts: ReturnType<typeof proxyAddress.compile>): string {
  // Under Node there is a request; there is none where the app is called without a server.
  const { incoming } = (c.env ?? {}) as { incoming?: IncomingMessage }
  return incoming ? householdOf(proxyAddress(incoming, trusts)) : ''
}

/** Some proxies append the port. Of IPv6 a household has at least 64 bits (RFC 6177): they count as one. What is no address
 *  counts as one, too. */
function householdOf(address: string): string {
  const [, bracketed, plain] = /^(?:\[([^\]]+)\](?::\d+)?|(\d+(?:\.\d+){3})(?::\d+)?)$/.exec(address) ?? []
  const bare = bracketed ?? plain ?? address
  if (!ipaddr.isValid(bare)) return ''
  const parsed = ipaddr.process(bare)
  return parsed instanceof ipaddr.IPv6 ? parsed.parts.slice(0, 4).join(':') : parsed.toString()
}
