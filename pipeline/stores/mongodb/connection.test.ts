import { expect, it } from 'vitest'
import { type MongoOptions, openMongo } from './connection.js'

const settings = (options: MongoOptions) => {
  const { db } = openMongo(options)
  return { database: db.databaseName, w: db.writeConcern?.w, reads: db.readPreference?.mode }
}

it.each([
  [{ url: 'mongodb://h' }, { database: 'carillon', w: 'majority' }],
  [{ url: 'mongodb://a,b:27018/mine?replicaSet=r' }, { database: 'mine', w: 'majority' }],
  [{ url: 'mongodb://h/mine?w=1&readPreference=secondary' }, { database: 'mine', w: 1 }],
  [
    { url: 'mongodb://h/mine?w=1', database: 'other', writeConcern: 2 },
    { database: 'other', w: 2 },
  ],
])('%j means %j, and reads from the primary', (options, expected) => {
  expect(settings(options)).toEqual({ ...expected, reads: 'primary' })
})

it('refuses a URL that is none', () => {
  expect(() => openMongo({ url: 'http://h' })).toThrow(/Invalid scheme/)
})
