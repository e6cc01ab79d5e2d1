/** Hands notifications to the log and answers, for a request with an idempotency key the same to every repeat. */
import type { NotificationRequested } from '../../schemas/events.js'
import { tenant } from '../../schemas/tenant.js'
import { type IngressContext, jsonText } from '../endpoint.js'
import type { IngressPorts } from '../ports.js'
import { invalid, Problem } from '../problem.js'
import { headerText } from '../utf8.js'
import { check } from './field-errors.js'
import { identifier } from './identifier.js'
import { jsonHash } from './json-text.js'
import { nativeOrigin } from './normalize.js'

/** What a valid request comes to. */
export interface Prepared {
  readonly notifications: readonly NotificationRequested[]
  /** Where the answer can be followed up. */
  readonly location: string
  readonly answer: unknown
}

/** Resolves with the 202 once everything is durable. A key that was used is answered before the request is looked at:
 *  its template may be gone by now, and its time past. Throws a `Problem` where the key stands against it. */
export async function accept(
  c: IngressContext,
  { acceptor, observer }: Pick<IngressPorts, 'acceptor' | 'observer'>,
  request: { readonly idempotencyKey?: string | undefined },
  prepare: () => Promise<Prepared>,
): Promise<Response> {
  const key = idempotencyKeyOf(c.req.header('idempotency-key'), request.idempotencyKey)
  const bodyHash = key === null ? '' : bodyHashOf(request)
  const known = key === null ? undefined : await acceptor.recall(tenant, key)
  if (known) {
    if (known.bodyHash !== bodyHash) return refuseReuse()
    observer.replayed(nativeOrigin)
    return replayed(c, known.answer)
  }
  const { notifications, location, answer: prepared } = await prepare()
  const answer = JSON.stringify(prepared)
  const acceptance = await acceptor.accept(notifications, key === null ? null : { key, bodyHash, answer })
  switch (acceptance.kind) {
    case 'accepted':
      return jsonText(c, 202, answer, { location })
    case 'replayed':
      return replayed(c, acceptance.answer)
    case 'in-flight':
      throw new Problem('in-flight', 'Ask again in a moment: the answer will be that of the first request.')
    case 'reused':
      return refuseReuse()
  }
}

function replayed(c: IngressContext, answer: string): Response {
  const location = locationOf(answer)
  return jsonText(c, 202, answer, { ...(location !== undefined && { location }), 'idempotency-replayed': 'true' })
}

function refuseReuse(): never {
  throw new Problem('key-reused', 'An idempotency key belongs to one body. Use a new key for another request.')
}

/** Where a notification is found. */
export function notificationLocation(id: string): string {
  return `/v1/notifications/${encodeURIComponent(id)}`
}

/** Where a batch is found. */
export function batchLocation(batchId: string): string {
  return `/v1/batches/${encodeURIComponent(batchId)}`
}

function idempotencyKeyOf(given: string | undefined, field: string | undefined): string | null {
  if (given === undefined) return field ?? null
  const path = 'Idempotency-Key'
  const header = headerText(given)
  if (header === undefined) throw invalid([{ path, message: 'Must be UTF-8.' }])
  if (field !== undefined && field !== header) {
    throw invalid([{ path, message: 'Must be the same as the field idempotencyKey, or one of them left out.' }])
  }
  const key = check(identifier, header)
  if (!key.ok) throw invalid(key.errors.map(({ message }) => ({ path, message })))
  return header
}

function bodyHashOf({ idempotencyKey: _, ...body }: { readonly idempotencyKey?: string | undefined }): string {
  return jsonHash(body)
}

function locationOf(answer: string): string | undefined {
  const { id, batchId } = JSON.parse(answer) as { id?: string; batchId?: string }
  if (batchId !== undefined) return batchLocation(batchId)
  return id === undefined ? undefined : notificationLocation(id)
}
