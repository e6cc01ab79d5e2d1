/** Errors of the log and the store that whoever uses them has to know. Declared below everything that throws or catches
 *  them, so that a log or a store imports nothing from the ingress. */

/** The store or the log cannot be reached now; nothing was done. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable'
  readonly code = 'unavailable'
}

/** The disk is full; nothing was done. */
export class StorageFull extends Error {
  override readonly name = 'StorageFull'
  readonly code = 'storage-full'
}

/** A cursor that no list gave, or that another list gave. */
export class BadCursor extends Error {
  override readonly name = 'BadCursor'
  readonly code = 'bad-cursor'
}
