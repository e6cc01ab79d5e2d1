import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Inbox } from '../../../ingress/ports.js'
import type { InboxEntry } from '../../../stages/deliver/providers/inbox.js'
import { describeOnMongo, freshDatabase } from '../../../testing/stores/mongodb/mongo-under-test.js'
import { startMs } from '../../../testing/stores/store-under-test.js'
import { lookBackMs } from './arrival-place.js'
import { type Mongo, openMongo } from './connection.js'
import { inboxCollection, inboxStore } from './inbox.js'

describeOnMongo('an inbox with several writers', (server) => {
  let mongo: Mongo
  beforeEach(() => {
    mongo = openMongo({ url: server().url, database: freshDatabase() })
  })
  afterEach(async () => {
    await mongo.db.dropDatabase()
    await mongo.close()
  })

  const entry = (id: string): InboxEntry => {
    const [tenant, recipient, notificationId] = ['default', 'anna', `n-${id}`]
    return { id, notificationId, tenant, recipient, title: null, body: 'Hi', acceptedAtMs: startMs, metadata: '{}' }
  }
  const goOn = async (inbox: Inbox, place: string) => {
    const arrivals = await inbox.arrivals('default', 'anna', place, 9)
    return { ids: arrivals.map(({ message }) => message.id), place: arrivals.at(-1)?.place ?? place }
  }

  it('gives what a clock that is behind has put, and nothing twice', async () => {
    const [behind, right] = [startMs - lookBackMs + 1, startMs].map((now) => inboxStore(mongo, () => now))
    if (!behind || !right) throw new Error('Two writers were opened.')
    await right.put(entry('b'))
    await right.put(entry('c'))
    const end = await right.lastArrival('default', 'anna')
    await behind.put(entry('a'))
    const first = await goOn(right, end)
    await right.put(entry('d'))
    const second = await goOn(right, first.place)
    expect([first.ids, second.ids, (await goOn(right, second.place)).ids]).toEqual([['a'], ['d'], []])
  })

  it('lists messages of an earlier version, which are no arrivals', async () => {
    const inbox = inboxStore(mongo, () => startMs)
    const empty = await inbox.lastArrival('default', 'anna')
    await inbox.put(entry('old'))
    const document = { arrivedAt: '' as const }
    await mongo.collection(inboxCollection).updateOne({ id: 'old' }, { $unset: document })
    const place = await inbox.lastArrival('default', 'anna')
    await inbox.put(entry('new'))
    const { data } = await inbox.list('default', 'anna', 9)
    expect(data.map(({ id }) => id)).toEqual(['old', 'new'])
    expect([(await goOn(inbox, empty)).ids, (await goOn(inbox, place)).ids]).toEqual([['new'], ['new']])
  })
})
