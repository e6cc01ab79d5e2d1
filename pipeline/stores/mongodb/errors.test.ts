import { MongoBulkWriteError, MongoInvalidArgumentError, MongoNetworkError, MongoServerError } from 'mongodb'
import { expect, it } from 'vitest'
import { StorageFull, Unavailable } from '../../../schemas/errors.js'
import { portError, StoreRefused } from './errors.js'

const answered = (code: number, codeName: string) =>
  new MongoServerError({ code, codeName, errmsg: 'anna@example.com is no good', keyValue: { _id: 'anna' } })
const labelled = new MongoServerError({ code: 1, codeName: 'Odd', errorLabels: ['RetryableWriteError'] })
const broken = new MongoNetworkError('connection 1 to 127.0.0.1:1 timed out')
const brokenBulk = new MongoBulkWriteError(broken, { getWriteConcernError: () => undefined } as never)

it.each([
  ['a lost primary', answered(10107, 'NotWritablePrimary'), Unavailable],
  ['too few members for the write concern', answered(64, 'WriteConcernTimeout'), Unavailable],
  ['a wrong password', answered(18, 'AuthenticationFailed'), Unavailable],
  ['an answer that may be asked for again', labelled, Unavailable],
  ['a broken connection', broken, Unavailable],
  ['a bulk write whose connection broke', brokenBulk, Unavailable],
  ['a full disk', answered(14031, 'OutOfDiskSpace'), StorageFull],
  ['a document that is too large', answered(10334, 'BSONObjectTooLarge'), StoreRefused],
  ['a call that the driver refuses', new MongoInvalidArgumentError('anna'), StoreRefused],
  ['what is no error of the store', new RangeError('no'), RangeError],
])('%s becomes what a caller can act on', (_what, error, kind) => {
  const told = portError('write records', error)
  expect(told).toBeInstanceOf(kind)
  expect(JSON.stringify(told, Object.getOwnPropertyNames(told))).not.toMatch(/anna/)
})

it('names the code of the server', () => {
  const told = portError('write records', answered(10334, 'BSONObjectTooLarge'))
  expect(told).toEqual(new StoreRefused('MongoDB refused to write records: BSONObjectTooLarge (10334).'))
})
