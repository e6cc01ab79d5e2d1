/** Recipients that upstream told about. */
import type { Recipients } from '../../../ingress/ports.js'
import { recipientKey } from '../../../schemas/outgoing.js'
import type { KnownRecipient } from '../../../schemas/template.js'
import type { Directory } from '../../../stages/enrich-template/enrich-template.js'
import type { Mongo } from './connection.js'
import { documentId } from './documents.js'

export const recipientCollection = 'recipients'

interface RecipientDocument {
  readonly _id: string
  readonly tenant: string
  readonly id: string
  /** JSON of the `KnownRecipient`. */
  readonly doc: string
}

export function recipientStore(mongo: Mongo): Recipients {
  const recipients = mongo.collection<RecipientDocument>(recipientCollection)
  return {
    get: (tenant, id) =>
      mongo.run('read a recipient', async () => {
        const document = await recipients.findOne({ _id: documentId(tenant, id) })
        return document ? parsed(document) : undefined
      }),
    put: (tenant, recipient) =>
      mongo.run('write a recipient', async () => {
        const { id } = recipient
        const document = { tenant, id, doc: JSON.stringify(recipient) }
        await recipients.replaceOne({ _id: documentId(tenant, id) }, document, { upsert: true })
      }),
    delete: (tenant, id) =>
      mongo.run('delete a recipient', async () => {
        return (await recipients.deleteOne({ _id: documentId(tenant, id) })).deletedCount > 0
      }),
  }
}

/** Recipients for enrich-template, a batch at a time. */
export function directory(mongo: Mongo): Directory {
  const recipients = mongo.collection<RecipientDocument>(recipientCollection)
  return {
    find: (wanted) =>
      mongo.run('find recipients', async () => {
        const ids = wanted.map(({ tenant, id }) => documentId(tenant, id))
        const found = await recipients.find({ _id: { $in: ids } }, { batchSize: Math.max(1, ids.length) }).toArray()
        return new Map(found.map((document) => [recipientKey(document.tenant, document.id), parsed(document)]))
      }),
  }
}

function parsed({ doc }: RecipientDocument): KnownRecipient {
  return JSON.parse(doc) as KnownRecipient
}
