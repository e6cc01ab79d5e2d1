/** Joins a notification with its recipient and renders it for each channel it might take. Look-ups and renderings are
 *  asked once per batch. Literal content is never rendered; with a template it is the fallback of a channel whose
 *  rendering fails.
 *  Invariant: every channel in question leaves as a candidate, with a message or with the reason why there is none. */
import type { Message, NotificationAccepted, NotificationRequested, Preferences } from '../../schemas/events.js'
import { cancel, recipientKey, rendered, status } from '../../schemas/outgoing.js'
import type { KnownRecipient, TemplateVersion } from '../../schemas/template.js'
import { variablesOf } from '../../schemas/template-variables.js'
import { type Batch, deadLetter, eachBatch, emit, type Outcome, type RecordContext, type Stage } from '../stage.js'
import { candidateChannels, contentFor, type LocalizedMessage, messageIn, reachOf } from './choice.js'
import { candidateOf, type Draft, entry, notInTemplate, type RenderResult, templateMissing } from './draft.js'

/** What upstream told about recipients. */
export interface Directory {
  /** The known ones of these, by `recipientKey(tenant, id)`. */
  find(recipients: readonly RecipientReference[]): Promise<ReadonlyMap<string, KnownRecipient>>
}

export interface RecipientReference {
  readonly tenant: string
  readonly id: string
}

/** Where templates are kept. */
export interface TemplateSource {
  /** Those that exist, by `templateKey`. A version never changes, so the same object may be given again. */
  load(references: readonly TemplateKey[]): Promise<ReadonlyMap<string, TemplateVersion>>
}

export interface TemplateKey {
  readonly tenant: string
  readonly id: string
  readonly version: number
}

/** One version of one tenant's template: `default/welcome@3`. */
export function templateKey({ tenant, id, version }: TemplateKey): string {
  return `${tenant}/${id}@${version}`
}

/** One template on one channel with one notification's variables. */
export interface RenderJob {
  /** The template's version and locale: `default/welcome@3+de`. What it names does not change. */
  readonly template: string
  readonly channel: string
  /** Its strings are Liquid sources; `data` is JSON whose strings are. */
  readonly source: Message
  readonly variables: Readonly<Record<string, unknown>>
}

/** Renders templates, which are not trusted. */
export interface Renderer {
  /** A result for each job, in their order. Rejects only when rendering itself is out of order. */
  render(jobs: readonly RenderJob[]): Promise<readonly RenderResult[]>
}

export interface EnrichTemplatePorts {
  readonly directory: Directory
  readonly templates: TemplateSource
  readonly renderer: Renderer
}

type In = 'notification-accepted' | 'cancel-requested'
type Out = 'notification-rendered' | 'cancel-requested' | 'notification-status'

interface References {
  readonly recipients: ReadonlyMap<string, KnownRecipient>
  readonly templates: ReadonlyMap<string, TemplateVersion>
}

interface Plan {
  readonly recipient: KnownRecipient | undefined
  readonly drafts: readonly Draft[]
  /** The template and locale used, for the trail. */
  readonly source: string | null
}

export function enrichTemplate(ports: EnrichTemplatePorts): Stage<In, Out> {
  return eachBatch('enrich-template', 'notifications.accepted', async (batch) => {
    const references = await lookUp(batch, ports)
    const jobs: RenderJob[] = []
    const plans = new Map<string, Plan | 'unreadable'>()
    for (const record of batch.records) {
      if (record.event === 'notification-accepted') {
        plans.set(record.recordId, plan(record.value.request, references, jobs))
      }
    }
    const results = jobs.length > 0 ? await ports.renderer.render(jobs) : []
    return (record, context) => {
      if (record.event === 'cancel-requested') {
        return emit(cancel(record.value, 'notifications.rendered', context.lane))
      }
      const planned = plans.get(record.recordId)
      return planned === undefined || planned === 'unreadable'
        ? unreadable(record.value, context)
        : emit(rendered(join(record.value, planned, results, context.nowMs)))
    }
  })
}

async function lookUp({ records }: Batch<In>, { directory, templates }: EnrichTemplatePorts): Promise<References> {
  const recipients = new Map<string, RecipientReference>()
  const versions = new Map<string, TemplateKey>()
  for (const record of records) {
    if (record.event !== 'notification-accepted') continue
    const { tenant, to, template } = record.value.request
    if (to.id !== null) recipients.set(recipientKey(tenant, to.id), { tenant, id: to.id })
    if (template) versions.set(templateKey({ tenant, ...template }), { tenant, ...template })
  }
  const [known, loaded] = await Promise.all([
    recipients.size > 0 ? directory.find([...recipients.values()]) : new Map<string, KnownRecipient>(),
    versions.size > 0 ? templates.load([...versions.values()]) : new Map<string, TemplateVersion>(),
  ])
  return { recipients: known, templates: loaded }
}

/** Says what each channel takes, and adds its renderings to the batch's jobs. */
function plan(request: NotificationRequested, references: References, jobs: RenderJob[]): Plan | 'unreadable' {
  const { tenant, to, template: reference, content } = request
  const recipient = to.id === null ? undefined : references.recipients.get(recipientKey(tenant, to.id))
  const key = reference && templateKey({ tenant, ...reference })
  const template = key === null ? undefined : references.templates.get(key)
  const asked = candidateChannels(request, template, recipient)
  if (!template) {
    const missing = reference && templateMissing()
    const drafts = asked.map((channel) => ({ channel, literal: contentFor(content, channel), job: null, missing }))
    return { recipient, drafts, source: null }
  }
  const data = objectIn(request.data)
  if (!data) return 'unreadable'
  const sources = asked.map((channel) => messageIn(template, channel, recipient?.locale))
  const drafts = asked.map((channel, index): Draft => {
    const literal = contentFor(content, channel)
    const source = sources[index]
    if (!source) return { channel, literal, job: null, missing: notInTemplate(channel) }
    const variables = variablesOf(template, source.locale, data)
    const job = { template: `${key}+${source.locale}`, channel, source: source.message, variables }
    return { channel, literal, job: jobs.push(job) - 1, missing: null }
  })
  return { recipient, drafts, source: sourceOf(template, sources) }
}

function sourceOf({ id, version }: TemplateVersion, sources: readonly (LocalizedMessage | undefined)[]): string | null {
  const locale = sources.find((source) => source !== undefined)?.locale
  return locale === undefined ? null : `${id}, version ${version}, locale ${locale}`
}

function objectIn(data: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const given: unknown = JSON.parse(data)
    return typeof given === 'object' && given !== null && !Array.isArray(given) ? { ...given } : undefined
  } catch {
    return undefined
  }
}

function unreadable({ request, trail }: NotificationAccepted, { recordId, nowMs }: RecordContext): Outcome<Out> {
  const detail = 'The data is not a JSON object.'
  const { id, tenant, recipient, traceparent } = request
  const ended = status({
    eventId: `${recordId}-enrich-template`,
    notificationId: id,
    tenant,
    recipient,
    atMs: nowMs,
    status: 'failed',
    duplicateOf: null,
    summary: null,
    deliveries: [],
    trail: [...trail, entry(nowMs, 'failed', null, { reason: 'invalid-data', detail })],
    traceparent,
  })
  return deadLetter('invalid-data', detail, ended)
}

function join(
  { request, trail }: NotificationAccepted,
  planned: Plan,
  results: readonly RenderResult[],
  nowMs: number,
) {
  const { recipient, drafts, source } = planned
  const judged = drafts.map((draft) => candidateOf(draft, results, nowMs))
  const candidates = judged.map(({ candidate }) => candidate)
  const troubles = judged.flatMap(({ trouble }) => trouble ?? [])
  const saysSomething = candidates.some(({ message }) => message !== null)
  const done = saysSomething ? [{ ...entry(nowMs, 'rendered', null, null), detail: source }] : []
  return {
    request: { ...request, data: '{}', content: null },
    ...reachOf(request, recipient),
    preferences: preferencesOf(recipient),
    candidates,
    trail: [...trail, ...done, ...troubles],
  }
}

/** What the recipient wants; null: nothing was said. */
export function preferencesOf(recipient: KnownRecipient | undefined): Preferences | null {
  const wishes = recipient?.preferences
  return wishes ? { channels: wishes.channels ?? {}, muted: wishes.muted ?? false } : null
}
