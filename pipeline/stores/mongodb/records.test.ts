import { afterEach, beforeEach, expect, it } from 'vitest'
import type { NotificationRequested, NotificationStatus } from '../../../schemas/events.js'
import { changesOf, type Merged } from '../../../stages/record/changes.js'
import { mergeRecord } from '../../../stages/record/merge.js'
import { showRecord } from '../../../stages/record/show.js'
import { describeOnMongo } from '../../../testing/stores/mongodb/mongo-under-test.js'
import { databaseUnderTest, type Opener } from '../../../testing/stores/mongodb/stores-under-test.js'
import { allPages, sampleEnd, sampleRequest } from '../../../testing/stores/store-under-test.js'
import { seededRandom } from '../../engine/seeded-random.js'
import type { MongoStores } from './stores.js'

/** Everything that is told of one notification. */
function eventsOf(request: NotificationRequested): NotificationStatus[] {
  const end = sampleEnd(request, 90)
  const [delivery] = end.deliveries
  if (!delivery) throw new Error('A sample has a delivery.')
  const sending = { ...delivery, status: 'sending' as const, final: false, attempts: [] }
  return [
    { ...sampleEnd(request, 0), status: 'accepted', deliveries: [] },
    { ...sampleEnd(request, 40), deliveries: [sending] },
    sampleEnd(request, 60, 'failed'),
    end,
  ]
}

describeOnMongo('records with several writers', (server) => {
  let database: Opener
  beforeEach(() => {
    database = databaseUnderTest(server())
  })
  afterEach(() => database.close())

  it('lose nothing of what each of them tells, and count and tell each end once', async () => {
    const requests = Array.from({ length: 40 }, (_, at) => sampleRequest(`n-${at}`, 0))
    const random = seededRandom(7)
    const mixed = shuffled(requests.flatMap(eventsOf), random)
    const writers = [1, 2, 3, 4, 5].map(() => database.open())
    // Each event is told by one of them; every fifth by another one too.
    const shares = writers.map((_, writer) => mixed.filter((_, at) => at % 5 === writer || (at + 1) % 25 === writer))
    const told = await Promise.all(writers.map((writer, at) => mergeAll(writer, shares[at] ?? [])))
    const [reader] = writers
    for (const request of requests) {
      const expected = showRecord(mergeRecord(undefined, eventsOf(request)))
      expect(await reader?.records.get('default', request.id)).toEqual(expected)
    }
    const sent = told
      .flatMap((merged) => merged.flatMap((one) => changesOf(one)))
      .filter(({ status }) => status === 'sent')
    expect(sent.map(({ notificationId }) => notificationId).sort()).toEqual(requests.map(({ id }) => id).sort())
    expect(await reader?.records.stats('default')).toMatchObject({ email: { sent: 40, failed: 0 } })
  })

  it('are found page by page where a filter finds little in many', async () => {
    const requests = Array.from({ length: 50 }, (_, at) =>
      sampleRequest(`n-${10 + at}`, Math.floor(at / 4), { channels: [at % 20 === 0 ? 'slack' : 'email'] }),
    )
    const { records, insertAccepted } = database.open({ documentsLookedAt: 7 })
    await insertAccepted(requests)
    const pages = await allPages((cursor) =>
      records.list({ tenant: 'default', channel: 'slack', limit: 2, ...(cursor && { cursor }) }),
    )
    expect(pages.map((page) => page.map(({ id }) => id))).toEqual([[], ['n-50'], [], [], ['n-30'], [], [], ['n-10']])
  })

  it('keep a name apart from a tenant', async () => {
    const { records, insertAccepted } = database.open()
    await insertAccepted([sampleRequest('b/c', 0, { tenant: 'a' }), sampleRequest('c', 0, { tenant: 'a/b' })])
    expect((await records.get('a', 'b/c'))?.id).toBe('b/c')
    expect((await records.get('a/b', 'c'))?.id).toBe('c')
    expect(await records.get('a%2Fb', 'c')).toBeUndefined()
  })
})

function shuffled<T>(values: readonly T[], random: () => number): readonly T[] {
  return values
    .map((value) => ({ value, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value)
}

/** In portions, which meet those of the other writers. */
async function mergeAll({ merge }: MongoStores, events: readonly NotificationStatus[]): Promise<readonly Merged[]> {
  const merged: Merged[] = []
  for (let at = 0; at < events.length; at += 8) merged.push(...(await merge(events.slice(at, at + 8))))
  return merged
}
