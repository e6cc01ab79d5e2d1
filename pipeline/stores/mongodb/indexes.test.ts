import { afterEach, beforeEach, expect, it } from 'vitest'
import { describeOnMongo, freshDatabase } from '../../../testing/stores/mongodb/mongo-under-test.js'
import { hourMs, testRetention } from '../../../testing/stores/store-under-test.js'
import { type Mongo, openMongo } from './connection.js'
import { ensureIndexes, IndexesFailed, indexesFor } from './indexes.js'

describeOnMongo('indexes', (server) => {
  let mongo: Mongo
  beforeEach(() => {
    mongo = openMongo({ url: server().url, database: freshDatabase() })
  })
  afterEach(async () => {
    await mongo.db.dropDatabase()
    await mongo.close()
  })

  it('are made once, with the expiry of what goes by its age', async () => {
    const indexes = indexesFor(testRetention, true)
    await ensureIndexes(mongo, indexes)
    await ensureIndexes(mongo, indexes)
    const names = async (collection: string) =>
      (await mongo.collection(collection).indexes()).map(({ name, expireAfterSeconds = null }) => [
        name,
        expireAfterSeconds,
      ])
    expect(await names('records')).toEqual([
      ['_id_', null],
      ['newest', null],
      ['recipient', null],
      ['status', null],
      ['origin', null],
      ['batch', null],
      ['age', (24 * hourMs) / 1000],
    ])
    expect(await names('claims')).toEqual([
      ['_id_', null],
      ['age', (24 * hourMs) / 1000],
    ])
    expect(await names('inbox')).toContainEqual(['age', (48 * hourMs) / 1000])
    expect(await names('deadLetters')).toContainEqual(['age', (72 * hourMs) / 1000])
  })

  it('that cannot be made are all named, and the others are made', async () => {
    for (const name of ['first', 'second']) await mongo.collection(name).insertMany([{ a: 'anna' }, { a: 'anna' }])
    const index = (collection: string) => ({ collection, name: 'a', key: { a: 1 as const }, options: { unique: true } })
    const failure = ensureIndexes(mongo, ['first', 'good', 'second'].map(index))
    await expect(failure).rejects.toEqual(
      new IndexesFailed(
        'MongoDB refused to make the index first.a: DuplicateKey (11000).\n' +
          'MongoDB refused to make the index second.a: DuplicateKey (11000).',
      ),
    )
    expect((await mongo.collection('good').indexes()).map(({ name }) => name)).toContain('a')
  })
})
