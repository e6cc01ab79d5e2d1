/** Checks and previews templates for the ingress, off its thread. */
import { createHash } from 'node:crypto'
import { Unavailable } from '../../schemas/errors.js'
import type { RendererPool } from './pool.js'
import { RenderingUnavailable } from './threads.js'

/** One channel of a template, or the message made of it. */
interface Parts {
  readonly subject?: string
  readonly text?: string
  readonly html?: string
  readonly data?: string
}

type Preview =
  | { readonly ok: true; readonly message: Parts }
  | { readonly ok: false; readonly reason: string; readonly detail: string }

/** The ingress's `TemplateCheck`. */
export function createTemplateCheck(renderer: Pick<RendererPool, 'problems' | 'render'>) {
  return {
    async problems(channels: Readonly<Record<string, unknown>>): Promise<{ path: string; message: string }[]> {
      const sources = stringsIn(channels)
      const found = await available(renderer.problems(sources.map(({ source }) => source)))
      return sources.flatMap(({ path }, index) => {
        const message = found[index]
        return message ? [{ path, message }] : []
      })
    },
    async preview(channel: string, source: Parts, variables: Readonly<Record<string, unknown>>): Promise<Preview> {
      const template = `preview/${createHash('sha256').update(JSON.stringify(source)).digest('base64url')}`
      const [result] = await available(renderer.render([{ template, channel, source: messageOf(source), variables }]))
      if (!result?.message)
        return { ok: false, reason: result?.reason ?? 'render-failed', detail: result?.detail ?? '' }
      return { ok: true, message: withoutNulls(result.message) }
    },
  }
}

interface Source {
  readonly path: string
  readonly source: string
}

/** Every string below a value with its path, `email.subject` or `webhook.items.0`. Walks without recursion, for the
 *  value may be nested deeper than the stack holds. */
function stringsIn(root: unknown): Source[] {
  const found: Source[] = []
  const left: { path: string; value: unknown }[] = [{ path: '', value: root }]
  for (let next = left.pop(); next; next = left.pop()) {
    const { path, value } = next
    if (typeof value === 'string') found.push({ path, source: value })
    if (typeof value !== 'object' || value === null) continue
    const inner = Object.entries(value).map(([key, one]) => ({
      path: path === '' ? key : `${path}.${key}`,
      value: one,
    }))
    left.push(...inner.reverse())
  }
  return found
}

function messageOf({ subject = null, text = null, html = null, data = null }: NullableParts) {
  return { subject, text, html, data }
}

type NullableParts = { readonly [K in keyof Parts]?: Parts[K] | null }

function withoutNulls({ subject, text, html, data }: Readonly<Record<keyof Parts, string | null>>): Parts {
  return {
    ...(subject === null ? {} : { subject }),
    ...(text === null ? {} : { text }),
    ...(html === null ? {} : { html }),
    ...(data === null ? {} : { data }),
  }
}

async function available<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof RenderingUnavailable)) throw error
    throw new Unavailable(error.message, { cause: error })
  }
}
