/** Templates: the head holds the version that counts now; the versions before it stand in an archive, for what was
 *  accepted with them.
 *
 *  Invariant: a version is archived before the head leaves it, so whoever reads the head and then the archive finds
 *  every version that was ever written. A crash in between archives what the head still holds. */
import type { Templates } from '../../../ingress/ports.js'
import type { TemplateVersion } from '../../../schemas/template.js'
import { type TemplateKey, type TemplateSource, templateKey } from '../../../stages/enrich-template/enrich-template.js'
import { cursorAt, pageOf, placeOf } from '../pages.js'
import { cachedTemplates, type StoredTemplate } from '../template-cache.js'
import type { Mongo } from './connection.js'
import { documentId, inserted } from './documents.js'

export const templateCollection = 'templates'
export const templateVersionCollection = 'templateVersions'

interface HeadDocument {
  readonly _id: string
  readonly tenant: string
  readonly id: string
  readonly version: number
  readonly deleted: boolean
  /** JSON of the `TemplateVersion`. */
  readonly doc: string
}

interface VersionDocument {
  readonly _id: string
  readonly tenant: string
  readonly doc: string
}

export function templateStore(mongo: Mongo): Templates {
  const heads = mongo.collection<HeadDocument>(templateCollection)
  const versions = mongo.collection<VersionDocument>(templateVersionCollection)
  return {
    get: (tenant, id) =>
      mongo.run('read a template', async () => {
        const head = await heads.findOne({ _id: documentId(tenant, id), deleted: false })
        return head ? parsed(head) : undefined
      }),
    async list(tenant, limit, cursor) {
      const asked = ['templates', tenant]
      const [after] = placeOf<[string]>(asked, cursor, ['']) ?? ['']
      const found = await mongo.run('list templates', () =>
        heads
          .find({ tenant, deleted: false, id: { $gt: after } })
          .sort({ id: 1 })
          .limit(limit + 1)
          .toArray(),
      )
      return pageOf(found, limit, parsed, ({ id }) => cursorAt(asked, [id]))
    },
    put: (tenant, template, expected) =>
      mongo.run('write a template', async () => {
        const { id } = template
        const _id = documentId(tenant, id)
        const last = await heads.findOne({ _id })
        if ((last && !last.deleted ? last.version : 0) !== expected) return 'conflict'
        const version = (last?.version ?? 0) + 1
        const head = { _id, tenant, id, version, deleted: false, doc: JSON.stringify({ ...template, version }) }
        if (!last) return (await inserted(heads.insertOne(head))) ? 'written' : 'conflict'
        await inserted(versions.insertOne({ _id: versionId(last), tenant, doc: last.doc }))
        const asRead = { _id, version: last.version, deleted: last.deleted }
        return (await heads.replaceOne(asRead, head)).matchedCount > 0 ? 'written' : 'conflict'
      }),
    delete: (tenant, id) =>
      mongo.run('delete a template', async () => {
        const live = { _id: documentId(tenant, id), deleted: false }
        return (await heads.updateOne(live, { $set: { deleted: true } })).matchedCount > 0
      }),
  }
}

/** Templates for rendering. With MongoDB away those that are in memory are found still. */
export function templateSource(mongo: Mongo): TemplateSource {
  return cachedTemplates((missing) => mongo.run('load templates', () => selectVersions(mongo, missing)))
}

async function selectVersions(mongo: Mongo, references: readonly TemplateKey[]): Promise<readonly StoredTemplate[]> {
  const ids = [...new Set(references.map(({ tenant, id }) => documentId(tenant, id)))]
  const heads = await mongo
    .collection<HeadDocument>(templateCollection)
    .find({ _id: { $in: ids } })
    .toArray()
  const wanted = new Set(references.map(templateKey))
  const current = heads.filter((head) => wanted.has(templateKey(head)))
  const found = new Set(current.map(templateKey))
  const older = references.filter((reference) => !found.has(templateKey(reference))).map(versionId)
  if (older.length === 0) return current
  const archived = await mongo
    .collection<VersionDocument>(templateVersionCollection)
    .find({ _id: { $in: older } })
    .toArray()
  return [...current, ...archived]
}

function versionId({ tenant, id, version }: TemplateKey): string {
  return `${documentId(tenant, id)}@${version}`
}

function parsed({ doc }: HeadDocument): TemplateVersion {
  return JSON.parse(doc) as TemplateVersion
}
