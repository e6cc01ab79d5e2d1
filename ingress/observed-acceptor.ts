/** Tells of what is accepted, whichever contract it comes by. */
import type { IngressObserver } from './observer.js'
import type { Acceptor } from './ports.js'

/** The acceptor, and the observer told of what it takes and of what it had taken before. */
export function observed(acceptor: Acceptor, observer: IngressObserver): Acceptor {
  return {
    ...acceptor,
    async accept(notifications, claim) {
      const acceptance = await acceptor.accept(notifications, claim)
      const isReplayed = acceptance.kind === 'replayed'
      if (acceptance.kind === 'accepted' || (isReplayed && acceptance.appended)) observer.accepted(notifications)
      else if (isReplayed) observer.replayed(notifications[0]?.origin ?? '')
      return acceptance
    },
  }
}
