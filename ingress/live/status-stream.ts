/** The status changes that one stream tells: where it asks for one notification, its status as it is now comes first. */
import type { Change, NotificationState } from '../../schemas/record.js'
import type { Records } from '../ports.js'
import type { Attention, Changes, Interest } from './changes.js'

export interface StatusChange {
  readonly id: string
  readonly origin: string
  readonly status: NotificationState
  /** True: it was on its way before, and waits for another try. */
  readonly waitsAgain: boolean
  readonly at: string
}

export interface StatusStream {
  /** Begins to tell. Rejects where the status that comes first cannot be read. */
  begin(): Promise<void>
  end(): void
}

export interface StatusReader {
  tell(change: StatusChange): void
  /** Changes were missed: there is no use in going on. */
  missed(): void
}

/** Changes of one notification that may come while its record is read. */
const maxMeanwhile = 1000

/** Attends to changes at once and resolves when none is missed any more; tells nothing before it is told to begin. */
export async function openStatusStream(
  { changes, records, tenant }: { readonly changes: Changes; readonly records: Records; readonly tenant: string },
  interest: Interest,
  reader: StatusReader,
): Promise<StatusStream> {
  let tell: (change: StatusChange) => void = () => undefined
  const attention: Attention = changes.attend(interest, {
    changed: (change) => {
      if (isOfStatus(change)) tell(change)
    },
    missed: () => reader.missed(),
  })
  await attention.ready
  return {
    async begin() {
      const { notification } = interest
      if (notification !== undefined) await tellCurrent(notification)
      tell = reader.tell
    },
    end: () => attention.end(),
  }

  /** What comes while the record is read is told after it, where it is not in it already. */
  async function tellCurrent(notification: string): Promise<void> {
    const meanwhile: StatusChange[] = []
    tell = (change) => {
      if (meanwhile.length < maxMeanwhile) meanwhile.push(change)
      else reader.missed()
    }
    const found = await records.get(tenant, notification)
    if (found && (interest.recipient ?? found.recipient) === found.recipient) {
      const { id, status, origin = 'native', updatedAt: at } = found
      reader.tell({ id, origin, status, waitsAgain: false, at })
    }
    for (const change of meanwhile) if (!found || isAfter(change, found.updatedAt, found.status)) reader.tell(change)
  }
}

/** What a record knows is not later than its last event, and a change tells the time of its event. */
function isAfter(change: StatusChange, at: string, status: NotificationState): boolean {
  return change.at > at || (change.at === at && change.status !== status)
}

function isOfStatus(change: Change): change is Change & { readonly status: NotificationState } {
  return change.status !== null
}
