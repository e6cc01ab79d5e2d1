/** Who an e-mail is from. The one place where the setting is read: the start checks it with this, and what is sent is
 *  made from its result, so the two cannot read it differently. */
import { type Mailbox, parseMailbox } from '../../../schemas/addresses.js'

export interface Sender extends Mailbox {
  /** As people are shown it; empty: none. */
  readonly name: string
}

/** Reads `ann@example.org`, `Ann <ann@example.org>` or `"Ann" <ann@example.org>`; null for anything else. A name is
 *  taken as it stands, without comments or groups in it: `Support (Billing)` is all of it. In double quotes a backslash
 *  stands before a quote or a backslash. Refused is what could be read in two ways: a name of which only a part is in
 *  quotes, and one that is encoded already. */
export function parseSender(text: string): Sender | null {
  if (endsLine.test(text)) return null
  const trimmed = text.trim()
  const opens = trimmed.lastIndexOf('<')
  if (opens < 0) return senderOf('', trimmed)
  if (!trimmed.endsWith('>')) return null
  const name = nameOf(trimmed.slice(0, opens).trim())
  return name === null ? null : senderOf(name, trimmed.slice(opens + 1, -1))
}

const quoted = /^"(?:[^"\\]|\\["\\])*"$/
const pairOfQuotes = /"[^"]*"/
const endsLine = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u
/** What an address stands in, and what an encoded word (RFC 2047) begins with. */
const notInName = /[<>]|=\?/

function nameOf(written: string): string | null {
  if (notInName.test(written)) return null
  if (quoted.test(written)) return written.slice(1, -1).replace(/\\(["\\])/g, '$1')
  return pairOfQuotes.test(written) ? null : written
}

function senderOf(name: string, address: string): Sender | null {
  const mailbox = parseMailbox(address)
  return mailbox && { name, ...mailbox }
}
