import { expect, test } from 'vitest'
import { BadCursor, StorageFull, Unavailable } from '../../../schemas/errors.js'
import { replyOf, unwrap } from './engine-calls.js'

async function throughClone(error: unknown): Promise<unknown> {
  const reply = await replyOf(async () => {
    throw error
  })
  try {
    return unwrap(structuredClone(reply))
  } catch (thrown) {
    return thrown
  }
}

test.each([StorageFull, Unavailable, BadCursor])('%o is the same error on the other side', async (kind) => {
  const thrown = await throughClone(new kind('what to do'))
  expect(thrown).toBeInstanceOf(kind)
  expect(thrown).toMatchObject({ message: 'what to do', code: new kind('').code })
})

test('any other error keeps its message and its code', async () => {
  expect(await throughClone(Object.assign(new TypeError('odd'), { code: 'odd-one' }))).toMatchObject({
    message: 'odd',
    code: 'odd-one',
  })
  expect(await throughClone('a text')).toMatchObject({ message: 'a text', code: 'unexpected' })
})

test('a value comes back as it was', async () => {
  expect(unwrap(structuredClone(await replyOf(async () => ({ kind: 'accepted' }))))).toEqual({ kind: 'accepted' })
})
