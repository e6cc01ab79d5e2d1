/** Templates for rendering. A version never changes, so those used last are kept in memory and asked for no more. */
import type { TemplateVersion } from '../../schemas/template.js'
import { type TemplateKey, type TemplateSource, templateKey } from '../../stages/enrich-template/enrich-template.js'

/** Characters of templates that are kept in memory. */
const cachedCharacters = 16 * 1024 * 1024

/** A version as it is stored: `doc` is the JSON of a `TemplateVersion`. */
export interface StoredTemplate {
  readonly tenant: string
  readonly doc: string
}

/** `select` gives those that exist, in any order. */
export function cachedTemplates(
  select: (references: readonly TemplateKey[]) => Promise<readonly StoredTemplate[]>,
): TemplateSource {
  const cache = templateCache()
  return {
    load: async (references) => {
      const known = new Map<string, TemplateVersion>()
      const missing: TemplateKey[] = []
      for (const reference of references) {
        const template = cache.get(templateKey(reference))
        if (template) known.set(templateKey(reference), template)
        else missing.push(reference)
      }
      if (missing.length === 0) return known
      for (const { tenant, doc } of await select(missing)) {
        const template = JSON.parse(doc) as TemplateVersion
        const key = templateKey({ tenant, id: template.id, version: template.version })
        cache.put(key, template, doc.length)
        known.set(key, template)
      }
      return known
    },
  }
}

/** Least recently used goes first. */
function templateCache() {
  const entries = new Map<string, { template: TemplateVersion; size: number }>()
  let total = 0
  return {
    get(key: string): TemplateVersion | undefined {
      const entry = entries.get(key)
      if (!entry) return undefined
      entries.delete(key)
      entries.set(key, entry)
      return entry.template
    },
    put(key: string, template: TemplateVersion, size: number): void {
      total += size - (entries.get(key)?.size ?? 0)
      entries.delete(key)
      entries.set(key, { template, size })
      for (const [oldest, entry] of entries) {
        if (total <= cachedCharacters) break
        entries.delete(oldest)
        total -= entry.size
      }
    },
  }
}
