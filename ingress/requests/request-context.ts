/** What a handler gathers for `normalize`: once per request, however many notifications it has. */
import type { TemplateVersion } from '../../schemas/template.js'
import { tenant } from '../../schemas/tenant.js'
import type { IngressContext } from '../endpoint.js'
import type { IngressOptions } from '../options.js'
import type { IngressPorts, Templates } from '../ports.js'
import { type RequestContext, templateIdOf } from './normalize.js'
import type { BatchItem, NotificationRequest } from './notification-request.js'

/** Looks up the templates that the requests name, each once. */
export async function requestContext(
  c: IngressContext,
  ports: IngressPorts,
  { dedupeWindowMs, retryBounds }: Pick<IngressOptions, 'dedupeWindowMs' | 'retryBounds'>,
  requests: readonly (NotificationRequest | BatchItem)[],
  batchId: string | null,
): Promise<RequestContext> {
  return {
    tenant,
    nowMs: ports.nowMs(),
    newId: ports.newId,
    correlationId: c.get('correlationId'),
    traceparent: c.get('traceparent'),
    batchId,
    dedupeWindowMs,
    retryBounds,
    templates: await templatesNamed(ports.templates, requests),
  }
}

const noTemplates: ReadonlyMap<string, TemplateVersion> = new Map()

/** The templates that requests name, by id, each looked up once. One that is not there is left out. */
export async function templatesNamed(
  templates: Pick<Templates, 'get'>,
  requests: readonly (NotificationRequest | BatchItem)[],
): Promise<ReadonlyMap<string, TemplateVersion>> {
  const ids = new Set<string>()
  for (const request of requests) {
    const id = templateIdOf(request)
    if (id !== undefined) ids.add(id)
  }
  return templatesById(templates, ids)
}

/** The templates that there are of these, each looked up once. */
export async function templatesById(
  templates: Pick<Templates, 'get'>,
  ids: ReadonlySet<string>,
): Promise<ReadonlyMap<string, TemplateVersion>> {
  if (ids.size === 0) return noTemplates
  const found = await Promise.all([...ids].map((id) => templates.get(tenant, id)))
  return new Map(found.flatMap((template) => (template ? [[template.id, template] as const] : [])))
}
