import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  describeOnMongo,
  dropDatabase,
  freshDatabase,
  urlBy,
} from '../../../testing/stores/mongodb/mongo-under-test.js'
import { type Topic, topicOf } from '../../../testing/stores/mongodb/way-under-test.js'
import { type Mongo, openMongo } from './connection.js'

describeOnMongo('what MongoDB’s driver does', (server) => {
  const database = freshDatabase()
  let ran: string[]
  let connections: [number, number][]
  let topic: Topic
  let mongo: Mongo
  beforeEach(async () => {
    ran = []
    connections = []
    topic = await topicOf(server().address)
    mongo = openMongo({
      url: urlBy(server(), topic.address),
      database,
      selectionTimeoutMs: 10_000,
      answerTimeoutMs: 2000,
      observer: {
        ran: (operation, ms, failure) => {
          expect(ms).toBeGreaterThanOrEqual(0)
          ran.push(failure === null ? operation : `${operation} ${failure}`)
        },
        connections: (idle, used) => connections.push([idle, used]),
      },
    })
  })
  afterEach(async () => {
    await mongo.close()
    await topic.close()
    await dropDatabase(server().url, database)
  })
  const run = (work: () => Promise<unknown>) => mongo.run('do it', work).catch(() => undefined)
  const notes = () => mongo.collection<{ _id: string; text?: string }>('notes')

  it('is told by command, those of no interest as one', async () => {
    await run(() => notes().insertOne({ _id: 'a' }))
    await run(() => notes().findOne({ _id: 'a' }))
    await run(() => notes().updateOne({ _id: 'a' }, { $set: { text: 'b' } }))
    await run(() => notes().deleteOne({ _id: 'a' }))
    await run(() => mongo.db.command({ buildInfo: 1 }))
    expect(ran).toEqual(['insert', 'find', 'update', 'delete', 'other'])
  })

  it('is told with what went wrong, by names of which there are few', async () => {
    await run(() => mongo.db.command({ noSuchCommand: 1 }))
    topic.stall()
    await run(() => mongo.db.command({ ping: 1 }))
    expect(ran).toEqual(['other other', 'ping timeout'])
  })

  it('counts connections that are used and those that are not', async () => {
    await run(() => mongo.db.command({ ping: 1 }))
    expect([connections.some(([, used]) => used === 1), connections.at(-1)]).toEqual([true, [1, 0]])
    await mongo.close()
    expect(connections.at(-1)).toEqual([0, 0])
  })

  it('is told of a call that found no server, which sends no command', async () => {
    const told: unknown[] = []
    const nobody = openMongo({
      url: 'mongodb://127.0.0.1:1/',
      selectionTimeoutMs: 200,
      observer: { ran: (operation, _, failure) => told.push([operation, failure]), connections: () => undefined },
    })
    await nobody.run('do it', () => nobody.db.command({ ping: 1 })).catch(() => undefined)
    await nobody.close()
    expect(told).toEqual([['connect', 'unreachable']])
  })
})
