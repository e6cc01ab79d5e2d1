import { expect, it } from 'vitest'
import { Unavailable } from '../../../schemas/errors.js'
import type { KnownRecipient } from '../../../schemas/template.js'
import type { Directory } from '../../../stages/enrich-template/enrich-template.js'
import { rememberedDirectory } from './remembered-recipients.js'

const anna: KnownRecipient = { id: 'anna', email: 'anna@example.com', createdAt: 'c', updatedAt: 'u' }
const wanted = (...ids: string[]) => ids.map((id) => ({ tenant: 'default', id }))
const options = { entries: 3, staleMs: 1000, pauseMs: 100 }

/** A directory that a test takes away, on the test's clock. */
function underTest() {
  const state = { away: false, asked: 0, nowMs: 0, known: new Map([['default/anna', anna]]) }
  const directory: Directory = {
    find: async () => {
      state.asked++
      if (state.away) throw new Unavailable('away')
      return state.known
    },
  }
  return { state, ...rememberedDirectory(directory, { ...options, nowMs: () => state.nowMs }) }
}

it('asks for every batch while the directory answers', async () => {
  const { state, find } = underTest()
  await find(wanted('anna'))
  state.known = new Map([['default/anna', { ...anna, email: 'new@example.com' }]])
  expect(await find(wanted('anna'))).toEqual(state.known)
})

it('gives what was last known while the directory is away, also that somebody was not known', async () => {
  const { state, find } = underTest()
  await find(wanted('anna', 'ben'))
  state.away = true
  expect(await find(wanted('anna', 'ben'))).toEqual(new Map([['default/anna', anna]]))
  expect(await find(wanted('ben'))).toEqual(new Map())
  await expect(find(wanted('anna', 'carl'))).rejects.toThrow(Unavailable)
})

it('gives nothing that is too old', async () => {
  const { state, find } = underTest()
  await find(wanted('anna'))
  state.away = true
  state.nowMs = options.staleMs
  expect((await find(wanted('anna'))).size).toBe(1)
  state.nowMs = options.staleMs + 1
  await expect(find(wanted('anna'))).rejects.toThrow(Unavailable)
})

it('does not ask again at once after a failure, but where memory has no answer', async () => {
  const { state, find } = underTest()
  await find(wanted('anna'))
  state.away = true
  await find(wanted('anna'))
  await find(wanted('anna'))
  expect(state.asked).toBe(2)
  await expect(find(wanted('ben'))).rejects.toThrow(Unavailable)
  expect(state.asked).toBe(3)
  state.away = false
  state.nowMs = options.pauseMs
  await find(wanted('anna'))
  expect(state.asked).toBe(4)
})

it('forgets those not asked for in the longest time', async () => {
  const { state, find } = underTest()
  await find(wanted('anna', 'ben', 'carl'))
  await find(wanted('dora'))
  state.away = true
  await expect(find(wanted('anna'))).rejects.toThrow(Unavailable)
  expect(await find(wanted('ben', 'carl', 'dora'))).toEqual(new Map())
})
