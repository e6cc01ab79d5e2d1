/** Templates for rendering. A version never changes, so those used last are kept in memory and asked for no more. */
import { LRUCache } from 'lru-cache'
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
  const cache = new LRUCache<string, TemplateVersion>({ maxSize: cachedCharacters })
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
        cache.set(key, template, { size: doc.length })
        known.set(key, template)
      }
      return known
    },
  }
}
