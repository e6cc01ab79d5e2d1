/** Hands notifications to the log and answers, for a request with an idempotency key the same to every repeat. */
import type { NotificationRequested } from '../schemas/events.js'
import { jsonHash } from './canonical-json.js'
import { type IngressContext, jsonText } from './endpoint.js'
import { check } from './field-errors.js'
import { identifier } from './identifier.js'
import type { Acceptor } from './ports.js'
import { invalid, Problem } from './problem.js'

export interface AcceptRequest {
  readonly notifications: readonly NotificationRequested[]
  /** The parsed request, for the key's sake; it may hold `idempotencyKey`. */
  readonly request: { readonly idempotencyKey?: string | undefined }
  /** Where the answer can be followed up. */
  readonly location: string
  readonly answer: unknown
}

/** Resolves with the 202 once everything is durable. Throws a `Problem` where the key stands against it. */
export async function accept(c: IngressContext, acceptor: Acceptor, asked: AcceptRequest): Promise<Response> {
  const { notifications, request, location } = asked
  const key = idempotencyKeyOf(c.req.header('idempotency-key'), request.idempotencyKey)
  const answer = JSON.stringify(asked.answer)
  const claim = key === null ? null : { key, bodyHash: bodyHashOf(request), answer }
  const acceptance = await acceptor.accept(notifications, claim)
  switch (acceptance.kind) {
    case 'accepted':
      return jsonText(c, 202, answer, { location })
    case 'replayed':
      return jsonText(c, 202, acceptance.answer, {
        location: locationOf(acceptance.answer) ?? location,
        'idempotency-replayed': 'true',
      })
    case 'in-flight':
      throw new Problem('in-flight', 'Ask again in a moment: the answer will be that of the first request.')
    case 'reused':
      throw new Problem('key-reused', 'An idempotency key belongs to one body. Use a new key for another request.')
  }
}

/** Where a notification is found. */
export function notificationLocation(id: string): string {
  return `/v1/notifications/${encodeURIComponent(id)}`
}

/** Where a batch is found. */
export function batchLocation(batchId: string): string {
  return `/v1/batches/${encodeURIComponent(batchId)}`
}

function idempotencyKeyOf(header: string | undefined, field: string | undefined): string | null {
  if (header === undefined) return field ?? null
  const path = 'Idempotency-Key'
  if (field !== undefined && field !== header) {
    throw invalid([{ path, message: 'Must be the same as the field idempotencyKey, or one of them left out.' }])
  }
  const key = check(identifier, header)
  if (!key.ok) throw invalid(key.errors.map(({ message }) => ({ path, message })))
  return header
}

function bodyHashOf({ idempotencyKey: _, ...body }: AcceptRequest['request']): string {
  return jsonHash(body)
}

function locationOf(answer: string): string | undefined {
  const { id, batchId } = JSON.parse(answer) as { id?: string; batchId?: string }
  if (batchId !== undefined) return batchLocation(batchId)
  return id === undefined ? undefined : notificationLocation(id)
}
