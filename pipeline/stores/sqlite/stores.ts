/** The stores of one file, as its writer sees them. */
import type { Acceptance, Claim } from '../../../ingress/ports.js'
import type { NotificationRequested, NotificationStatus } from '../../../schemas/events.js'
import type { Merged } from '../../../stages/record/changes.js'
import type { Database } from '../../logs/sqlite/database.js'
import { createStoreSchema } from '../../logs/sqlite/schema.js'
import type { Retention } from '../retention.js'
import { claimWriter } from './claims.js'
import { deadLetterReader, deadLetterWriter } from './dead-letters.js'
import { inboxStore } from './inbox.js'
import { outboxStore } from './outbox.js'
import { pendingClaims } from './pending-claims.js'
import { directory, recipientStore } from './recipients.js'
import { recordWriter } from './record-writer.js'
import { retention } from './retention.js'
import { templateSource, templateStore } from './templates.js'

export type Stores = ReturnType<typeof openStores>

/** Makes the tables where they are missing and opens every store on them. `nowMs`: milliseconds since the epoch. */
export function openStores(database: Database, limits: Retention, nowMs: () => number) {
  createStoreSchema(database)
  const records = recordWriter(database)
  const claims = claimWriter(database)
  const letters = { ...deadLetterReader(database), ...deadLetterWriter(database) }
  const prune = retention(database, limits)
  return {
    templates: templateStore(database),
    templateSource: templateSource(database),
    recipients: recipientStore(database),
    directory: directory(database),
    inbox: inboxStore(database, nowMs),
    outbox: outboxStore(database),
    letters: {
      ...letters,
      putAll: (all: readonly Parameters<typeof letters.put>[0][]) =>
        database.write(() => {
          for (const letter of all) letters.put(letter)
        }, false),
      /** False when it was marked before. */
      mark: (id: string, status: 'replayed' | 'parked') =>
        database.write(() => letters.markReplayed(id, status), false),
    },
    /** To be called within a write: the first records of what is accepted. */
    insertAccepted: (notifications: readonly NotificationRequested[]) => records.insertAccepted(notifications),
    /** For where the log is elsewhere. */
    claims: pendingClaims(database),
    /** To be called within a write. */
    claim: (tenant: string, claim: Claim): Acceptance => claims.claim(tenant, claim, nowMs()),
    merge: (events: readonly NotificationStatus[]): Promise<readonly Merged[]> =>
      database.write(() => records.mergeStatus(events), false),
    /** Removes a bite of what is past its time; true when there may be more. */
    prune: (): Promise<boolean> => database.write(() => prune(nowMs()) > 0, false),
  }
}
