/** Contract C's templates: one body for one channel, with variables as Go writes them. They are Carillon's templates,
 *  translated when they are stored. */
import { z } from '@hono/zod-openapi'
import type { Message } from '../../schemas/events.js'
import type { TemplateVersion } from '../../schemas/template.js'
import { tenant } from '../../schemas/tenant.js'
import { answer } from '../endpoint.js'
import { cursorText } from '../paging.js'
import type { Templates } from '../ports.js'
import { type FieldError, invalid, Problem } from '../problem.js'
import { plainMessage } from '../requests/channel-content.js'
import { identifier, shortText } from '../requests/identifier.js'
import { channelsOfC, rfc3339 } from './c-notification.js'
import { optional, type PartsOfC, pageSize, tagOfC } from './c-parts.js'
import { errorField, serveContract } from './contract.js'
import { translateGoTemplate } from './go-template.js'

const maxNameBytes = 256
const maxBody = 100_000
const locale = 'en'
/** Pages of templates looked through for those of this contract, for one of its pages. */
const pagesLookedAt = 50

const newTemplate = z
  .object({ name: shortText(maxNameBytes), channel: z.enum(channelsOfC), body: z.string().min(1).max(maxBody) })
  .openapi('ServiceNewTemplate', { example: { name: 'code', channel: 'sms', body: 'Your code is {{.Code}}.' } })
const templateOfC = z
  .object({
    id: z.string(),
    name: z.string(),
    channel: z.string(),
    body: z.string(),
    created_at: z.string(),
    updated_at: z.string(),
  })
  .openapi('ServiceTemplate')
const list = z.object({ data: z.array(templateOfC), next_cursor: z.string().nullable() }).openapi('ServiceTemplateList')
const listQuery = z.object({ cursor: optional(cursorText), page_size: pageSize })

export function templatesOfC(parts: PartsOfC): void {
  serveCreate(parts)
  serveReads(parts)
}

function serveCreate({ app, ports }: PartsOfC): void {
  serveContract(
    app,
    errorField,
    {
      method: 'post',
      path: '/api/v1/templates',
      tag: tagOfC,
      summary: 'Store a template',
      body: { schema: newTemplate },
      answers: { 201: { description: 'Stored.', schema: templateOfC } },
      problems: [503, 507],
    },
    async ({ c, body: told }) => {
      const translated = translateGoTemplate(told.body)
      if (!translated.ok) throw invalid([faultAt(told.body, translated.at, translated.message)])
      const { channel } = told
      const problems = await ports.templateCheck.problems({ [channel]: { text: translated.liquid } })
      if (problems.length > 0) throw invalid(problems.map(({ message }) => ({ path: 'body', message })))
      const now = rfc3339(ports.nowMs())
      const template: TemplateVersion = {
        id: ports.newId(),
        version: 1,
        locale,
        locales: { [locale]: { [channel]: plainMessage(undefined, translated.liquid) } },
        defaults: {},
        createdAt: now,
        updatedAt: now,
        told,
      }
      await ports.templates.put(tenant, template, 0)
      return answer(c, 201, shown(template))
    },
  )
}

function serveReads({ app, ports: { templates } }: PartsOfC): void {
  serveContract(
    app,
    errorField,
    {
      method: 'get',
      path: '/api/v1/templates',
      tag: tagOfC,
      summary: 'Templates',
      query: listQuery,
      answers: { 200: { description: 'A page of them.', schema: list } },
      problems: [503],
    },
    async ({ c, query: { cursor, page_size } }) => answer(c, 200, await pageOf(templates, page_size, cursor)),
  )
  serveContract(
    app,
    errorField,
    {
      method: 'get',
      path: '/api/v1/templates/{id}',
      tag: tagOfC,
      summary: 'One template',
      params: z.object({ id: identifier }),
      answers: { 200: { description: 'As it was stored.', schema: templateOfC } },
      problems: [404, 503],
    },
    async ({ c, params: { id } }) => {
      const template = await templates.get(tenant, id)
      if (!template?.told) throw new Problem('not-found', 'There is no template with this id.')
      return answer(c, 200, shown(template))
    },
  )
}

/** Templates of other ways in stand between them: those are passed over, up to a bound. */
async function pageOf(templates: Templates, limit: number, after: string | undefined) {
  let cursor: string | null | undefined = after
  for (let look = 0; cursor !== null && look < pagesLookedAt; look++) {
    const page = await templates.list(tenant, limit, cursor)
    cursor = page.nextCursor
    const data = page.data.filter(({ told }) => told !== undefined).map(shown)
    if (data.length > 0) return { data, next_cursor: cursor }
  }
  return { data: [], next_cursor: cursor ?? null }
}

/** As it was told; the source that it has by now where it was written again another way. */
function shown({ id, version, told, locales, createdAt, updatedAt }: TemplateVersion) {
  const { name = id, channel = '', body = '' } = told ?? {}
  const now: Message | undefined = locales[locale]?.[channel]
  const text = version === 1 ? body : (now?.text ?? body)
  return { id, name, channel, body: text, created_at: createdAt, updated_at: updatedAt }
}

function faultAt(body: string, at: number, message: string): FieldError {
  const line = body.slice(0, at).split('\n').length
  const column = at - body.lastIndexOf('\n', at - 1)
  return { path: 'body', message: `${message} (line ${line}, column ${column})` }
}
