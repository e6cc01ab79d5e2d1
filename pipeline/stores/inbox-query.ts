/** What the stores' lists of inboxes have in common. */

/** Unread messages are counted up to here. */
export const unreadCounted = 10_000

/** What a list's cursor belongs to. */
export function askedInbox(tenant: string, recipient: string): readonly string[] {
  return ['inbox', tenant, recipient]
}

/** What the places in the order of arrival belong to. */
export function askedArrivals(tenant: string, recipient: string): readonly string[] {
  return ['inbox arrivals', tenant, recipient]
}
