/** Finds recipients that a request names more than once. Pure. */
import { parseMailbox } from '../schemas/addresses.js'
import type { Addresses } from './requests/notification-request.js'

/** For each recipient the index of the first that names the same one: its own, unless it is a repeat. The same id is
 *  the same recipient, whatever addresses stand beside it; without an id, the same addresses are. */
export function firstNamings(recipients: readonly (string | Addresses)[]): readonly number[] {
  const byId = new Map<string, number>()
  const byAddresses = new Map<string, number>()
  return recipients.map((recipient, index) => {
    const { id, ...addresses } = typeof recipient === 'string' ? { id: recipient } : recipient
    const reach = comparable(addresses)
    const first = (id === undefined ? byAddresses.get(reach) : byId.get(id)) ?? index
    if (id !== undefined && first === index) byId.set(id, index)
    if (!byAddresses.has(reach)) byAddresses.set(reach, first)
    return first
  })
}

/** The same text for addresses that reach the same place. */
function comparable({ email, phone, device, webhook, slack }: Omit<Addresses, 'id'>): string {
  return JSON.stringify([email && comparableMailbox(email), phone, device, webhook && comparableUrl(webhook), slack])
}

/** Servers may tell Anna from anna (RFC 5321, section 2.4); none is known that does, and people write either. */
function comparableMailbox(address: string): string {
  const mailbox = parseMailbox(address)
  return mailbox ? `${mailbox.local.toLowerCase()}@${mailbox.domain}` : address
}

function comparableUrl(address: string): string {
  return URL.canParse(address) ? new URL(address).href : address
}
