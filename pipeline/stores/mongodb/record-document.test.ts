import type { Collection } from 'mongodb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { NotificationStatus } from '../../../schemas/events.js'
import { mergeRecord } from '../../../stages/record/merge.js'
import { showRecord } from '../../../stages/record/show.js'
import { acceptedState } from '../../../stages/record/state.js'
import { summaryOf } from '../../../stages/summary.js'
import { describeOnMongo } from '../../../testing/stores/mongodb/mongo-under-test.js'
import { databaseUnderTest, type Opener } from '../../../testing/stores/mongodb/stores-under-test.js'
import { sampleEnd, sampleRequest, startMs } from '../../../testing/stores/store-under-test.js'
import { packProgress } from '../record-progress.js'
import { openMongo } from './connection.js'
import { documentOf, recordCollection, type StoredRecord, stateOf } from './record-document.js'

const request = sampleRequest('n-1', 0, { channels: ['email'], metadata: '{"a.b":1,"$set":{"$where":"x"}}' })

/** Two calls, of which the first failed; with what a query or an update could take for its own words. */
function failedOnce(): NotificationStatus {
  const end = sampleEnd(request, 90)
  const [delivery] = end.deliveries
  if (!delivery) throw new Error('A sample has a delivery.')
  const call = { number: 1, atMs: startMs + 40, outcome: 'transient', error: '$set.a', latencyMs: 20, messageId: null }
  const sent = { number: 2, atMs: startMs + 80, outcome: 'sent', error: null, latencyMs: 10, messageId: 'm.$7' }
  const trail = [
    { atMs: startMs + 90, stage: 'deliver', event: 'sent', channel: 'email', reason: null, detail: '$inc.b' },
  ]
  return { ...end, deliveries: [{ ...delivery, attempts: [call, sent] }], trail }
}

const accepted = acceptedState(request.id, request.tenant, summaryOf(request))
const ended = mergeRecord(accepted, [failedOnce()])

describe('the document of a record', () => {
  it('has the progress as fields, without what is null', () => {
    const { progress } = documentOf(ended, 'w')
    expect(progress).toEqual({
      firstAt: new Date(startMs),
      lastAt: expect.any(Date),
      ends: [],
      deliveries: [
        {
          ...{ id: 'n-1:email', channel: 'email', provider: expect.any(String), status: 'sent', final: true },
          ...{ siblings: 1, told: expect.any(Number), at: new Date(startMs + 90) },
          attempts: [
            { number: 1, at: new Date(startMs + 40), outcome: 'transient', error: '$set.a', latencyMs: 20 },
            { number: 2, at: new Date(startMs + 80), outcome: 'sent', latencyMs: 10, messageId: 'm.$7' },
          ],
        },
      ],
      timeline: [
        { at: new Date(startMs), stage: 'ingress', event: 'accepted' },
        { at: new Date(startMs + 90), stage: 'deliver', event: 'sent', channel: 'email', detail: '$inc.b' },
      ],
    })
  })

  it.each([
    ['an accepted', accepted],
    ['an ended', ended],
    ['a rejected', { ...accepted, ends: [{ status: 'rejected' as const, atMs: startMs + 3 }], duplicateOf: 'n-0' }],
    ['an unknown', { ...accepted, summary: null }],
  ])('is read as it was written of %s notification', (_which, state) => {
    expect(stateOf(documentOf(state, 'w'))).toEqual(state)
  })

  it('of an earlier release is read', () => {
    expect(stateOf(packed(ended))).toEqual(ended)
  })
})

/** As releases before progress had fields wrote it. */
function packed(state: typeof ended): StoredRecord {
  return { ...documentOf(state, 'w'), progress: packProgress(state) }
}

describeOnMongo('records in MongoDB', (server) => {
  let database: Opener
  beforeEach(() => {
    database = databaseUnderTest(server())
  })
  afterEach(() => database.close())

  it('are found by what became of them', async () => {
    const stores = database.open()
    await stores.insertAccepted([request, sampleRequest('n-2', 0)])
    await stores.merge([failedOnce()])
    const found = await inCollection((records) =>
      records
        .find({ 'progress.deliveries.attempts.outcome': 'transient', 'progress.timeline.event': 'sent' })
        .project<{ id: string }>({ _id: 0, id: 1 })
        .toArray(),
    )
    expect(found).toEqual([{ id: 'n-1' }])
    expect(await stores.records.get('default', 'n-1')).toEqual(showRecord(ended))
  })

  it('of an earlier release are read, listed, merged with what is told now, and have fields from then on', async () => {
    const stores = database.open()
    await inCollection((records) => records.insertOne(packed(accepted)))
    expect(await stores.records.get('default', 'n-1')).toEqual(showRecord(accepted))
    const listed = await stores.records.list({ tenant: 'default', limit: 5 })
    expect(listed.data).toEqual([showRecord(accepted)])
    await stores.merge([failedOnce()])
    expect(await stores.records.get('default', 'n-1')).toEqual(showRecord(ended))
    const written = await inCollection((records) => records.findOne({ id: 'n-1' }))
    expect(written?.progress).toEqual(documentOf(ended, 'w').progress)
  })

  it('of an earlier release are left as they are by what they know already', async () => {
    const stores = database.open()
    await inCollection((records) => records.insertOne(packed(ended)))
    await stores.merge([failedOnce()])
    expect(await inCollection((records) => records.findOne({ id: 'n-1' }))).toEqual(packed(ended))
  })

  async function inCollection<T>(work: (records: Collection<StoredRecord>) => Promise<T>): Promise<T> {
    const mongo = openMongo({ url: database.url, database: database.database })
    try {
      return await work(mongo.collection<StoredRecord>(recordCollection))
    } finally {
      await mongo.close()
    }
  }
})
