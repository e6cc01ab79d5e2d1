/** What recipients want now, for throttle: as route decides it, by what the directory knows by now. */
import { recipientKey } from '../../schemas/outgoing.js'
import { type Directory, preferencesOf, type RecipientReference } from '../../stages/enrich-template/enrich-template.js'
import { preferenceAgainst } from '../../stages/route/decision.js'
import type { Wishes } from '../../stages/throttle/wishes.js'

export function recipientWishes(directory: Directory): Wishes {
  return {
    async unwanted(deliveries) {
      const asked = new Map<string, RecipientReference>()
      for (const { tenant, recipient: id } of deliveries) asked.set(recipientKey(tenant, id), { tenant, id })
      const known = await directory.find([...asked.values()])
      const unwanted = new Map<string, string>()
      for (const { id, tenant, recipient, channel } of deliveries) {
        const preferences = preferencesOf(known.get(recipientKey(tenant, recipient)))
        if (preferenceAgainst(channel, preferences) !== null) unwanted.set(id, 'preference')
      }
      return unwanted
    },
  }
}
