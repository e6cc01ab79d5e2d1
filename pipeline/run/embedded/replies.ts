/** Carries results and errors between threads: an error's class and code would be lost in cloning. */
import { BadCursor, StorageFull, Unavailable } from '../../../schemas/errors.js'

/** What a function of the other thread came to. */
export type Reply<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: string; readonly message: string }

/** Waits for the work and wraps what comes of it. */
export async function replyOf<T>(work: () => Promise<T>): Promise<Reply<T>> {
  try {
    return { ok: true, value: await work() }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unexpected'
    return { ok: false, code, message: error instanceof Error ? error.message : String(error) }
  }
}

/** The value, or the error as it was thrown on the other side. */
export function unwrap<T>(reply: Reply<T>): T {
  if (reply.ok) return reply.value
  const { code, message } = reply
  switch (code) {
    case 'storage-full':
      throw new StorageFull(message)
    case 'unavailable':
      throw new Unavailable(message)
    case 'bad-cursor':
      throw new BadCursor(message)
    default:
      throw Object.assign(new Error(message), { code })
  }
}
