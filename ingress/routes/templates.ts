/** /v1/templates: create, read, revise, delete, preview. */
import { z } from '@hono/zod-openapi'
import type { Message } from '../../schemas/events.js'
import type { TemplateVersion } from '../../schemas/template.js'
import { variablesOf } from '../../schemas/template-variables.js'
import { tenant } from '../../schemas/tenant.js'
import { answer, type IngressApp, refuse, serveEndpoint } from '../endpoint.js'
import { pageOf, pageQuery } from '../paging.js'
import type { IngressPorts, TemplateCheck, Templates } from '../ports.js'
import { type FieldError, invalid, Problem } from '../problem.js'
import { type ChannelContent, contentOf, type JsonObject } from '../requests/channel-content.js'
import { identifier } from '../requests/identifier.js'
import { boundedJson } from '../requests/normalize.js'
import { maxDataBytes } from '../requests/notification-request.js'
import {
  created,
  localeFor,
  maxLocales,
  newTemplate,
  previewRequest,
  revised,
  sourcesOf,
  type TemplateDraft,
  templateChange,
  templateShape,
  templateView,
} from '../templates.js'

const params = z.object({ id: identifier })
const path = '/v1/templates/{id}'

const previewAnswer = z
  .strictObject({
    id: z.string(),
    version: z.int(),
    locale: z.string(),
    channels: z.record(z.string(), z.record(z.string(), z.unknown())),
  })
  .openapi('Preview')

/** A PUT asks for no precondition: where others change the template at once, each makes a version of its own. */
const maxWrites = 50

export function templateRoutes(app: IngressApp, ports: IngressPorts): void {
  serveCreate(app, ports)
  serveRevise(app, ports)
  serveReads(app, ports)
  serveDelete(app, ports)
  servePreview(app, ports)
}

function serveCreate(app: IngressApp, { templates, templateCheck, nowMs }: IngressPorts): void {
  serveEndpoint(
    app,
    {
      method: 'post',
      path: '/v1/templates',
      tag: 'Templates',
      summary: 'Create a template, or add a locale to one',
      body: { schema: newTemplate },
      answers: { 201: { description: 'Created.', schema: templateShape, headers: z.object({ Location: z.string() }) } },
      problems: [409, 503, 507],
    },
    async ({ c, body: { id, ...draft } }) => {
      await refuseFaults(templateCheck, draft)
      const existing = await templates.get(tenant, id)
      const template = created(id, draft, existing, new Date(nowMs()).toISOString())
      if (!template) throw new Problem('conflict', 'There is a template with this id and locale. PUT replaces it.')
      await write(templates, template, existing)
      // One that was deleted and is made again goes on from its last version: the store knows.
      const written = existing ? template : await found(templates, id)
      return answer(c, 201, templateView(written), { location: `/v1/templates/${encodeURIComponent(id)}` })
    },
  )
}

function serveRevise(app: IngressApp, { templates, templateCheck, nowMs }: IngressPorts): void {
  serveEndpoint(
    app,
    {
      method: 'put',
      path,
      tag: 'Templates',
      summary: 'Write the next version of a template',
      description: "Replaces one locale's channels. What was accepted before keeps the version it was accepted with.",
      params,
      body: { schema: templateChange },
      answers: { 200: { description: 'The new version.', schema: templateShape } },
      problems: [404, 409, 503, 507],
    },
    async ({ c, params: { id }, body: { id: named, ...draft } }) => {
      if (named !== undefined && named !== id) throw invalid([{ path: 'id', message: 'Must be that of the path.' }])
      await found(templates, id)
      await refuseFaults(templateCheck, draft)
      for (let attempt = 1; ; attempt++) {
        const existing = await found(templates, id)
        const template = revised(existing, draft, new Date(nowMs()).toISOString())
        const written = await tryWrite(templates, template, existing)
        if (written) return answer(c, 200, templateView(template))
        if (attempt === maxWrites) throw changedMeanwhile()
      }
    },
  )
}

function serveReads(app: IngressApp, { templates }: IngressPorts): void {
  serveEndpoint(
    app,
    {
      method: 'get',
      path: '/v1/templates',
      tag: 'Templates',
      summary: 'Templates',
      query: pageQuery,
      answers: { 200: { description: 'A page of them.', schema: pageOf(templateShape) } },
      problems: [503],
    },
    async ({ c, query: { limit, cursor } }) => {
      const { data, nextCursor } = await templates.list(tenant, limit, cursor)
      return answer(c, 200, { data: data.map(templateView), nextCursor })
    },
  )
  serveEndpoint(
    app,
    {
      method: 'get',
      path,
      tag: 'Templates',
      summary: 'One template',
      params,
      answers: { 200: { description: 'Its last version.', schema: templateShape } },
      problems: [404, 503],
    },
    async ({ c, params: { id } }) => answer(c, 200, templateView(await found(templates, id))),
  )
}

function serveDelete(app: IngressApp, { templates }: IngressPorts): void {
  serveEndpoint(
    app,
    {
      method: 'delete',
      path,
      tag: 'Templates',
      summary: 'Delete a template',
      description: 'What was accepted with it is still rendered with it.',
      params,
      answers: { 204: { description: 'Deleted.' } },
      problems: [404, 503, 507],
    },
    async ({ c, params: { id } }) => {
      if (!(await templates.delete(tenant, id))) throw missing()
      return c.body(null, 204)
    },
  )
}

function servePreview(app: IngressApp, { templates, templateCheck }: IngressPorts): void {
  serveEndpoint(
    app,
    {
      method: 'post',
      path: '/v1/templates/{id}/preview',
      tag: 'Templates',
      summary: 'Render a template without sending it',
      params,
      body: { schema: previewRequest },
      answers: { 200: { description: 'What each channel would say.', schema: previewAnswer } },
      problems: [404, 503],
    },
    async ({ c, params: { id }, body: { channel, data, locale: wanted } }) => {
      const errors: FieldError[] = []
      boundedJson('data', data, maxDataBytes, errors)
      refuse(errors)
      const template = await found(templates, id)
      const locale = localeFor(template, wanted)
      const messages = Object.entries(template.locales[locale] ?? {}).filter(([name]) => name === (channel ?? name))
      if (messages.length === 0) throw invalid([{ path: 'channel', message: 'The template does not have it.' }])
      const channels = await rendered(templateCheck, messages, variablesOf(template, locale, data ?? {}))
      return answer(c, 200, { id, version: template.version, locale, channels })
    },
  )
}

/** What the channels say. Throws with every channel that cannot be rendered. */
async function rendered(
  templateCheck: TemplateCheck,
  messages: readonly (readonly [string, Message])[],
  variables: JsonObject,
): Promise<Record<string, JsonObject>> {
  const errors: FieldError[] = []
  const channels: Record<string, JsonObject> = {}
  const results = await Promise.all(
    messages.map(([name, message]) => templateCheck.preview(name, sourcesOf(message), variables)),
  )
  for (const [index, [name]] of messages.entries()) {
    const result = results[index]
    if (result?.ok) channels[name] = contentOf(name, result.message)
    else errors.push({ path: `channels.${name}`, message: result?.detail ?? 'It could not be rendered.' })
  }
  refuse(errors)
  return channels
}

async function found(templates: Templates, id: string): Promise<TemplateVersion> {
  const template = await templates.get(tenant, id)
  if (!template) throw missing()
  return template
}

function missing(): Problem {
  return new Problem('not-found', 'There is no template with this id.')
}

async function refuseFaults(templateCheck: TemplateCheck, { channels, defaults }: TemplateDraft): Promise<void> {
  const errors: FieldError[] = []
  boundedJson('defaults', defaults, maxDataBytes, errors)
  const problems = await templateCheck.problems(channels satisfies ChannelContent)
  refuse([...errors, ...problems.map(({ path, message }) => ({ path: `channels.${path}`, message }))])
}

async function write(templates: Templates, template: TemplateVersion, replaced: TemplateVersion | undefined) {
  if (!(await tryWrite(templates, template, replaced))) throw changedMeanwhile()
}

/** False when another change came first. */
async function tryWrite(templates: Templates, template: TemplateVersion, replaced: TemplateVersion | undefined) {
  if (Object.keys(template.locales).length > maxLocales) {
    throw invalid([{ path: 'locale', message: `A template has ${maxLocales} locales at most.` }])
  }
  return (await templates.put(tenant, template, replaced?.version ?? 0)) === 'written'
}

function changedMeanwhile(): Problem {
  return new Problem('conflict', 'Other changes came first, again and again. Read the template and try again.')
}
