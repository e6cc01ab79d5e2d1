import { describe, expect, it } from 'vitest'
import { BadCursor } from '../../../schemas/errors.js'
import { seededRandom } from '../../engine/seeded-random.js'
import {
  type ArrivalPlace,
  type Arrived,
  arrivalsIn,
  beforeAll,
  lookBackMs,
  maxGiven,
  readPlace,
  writePlace,
} from './arrival-place.js'

const inbox = ['inbox arrivals', 'default', 'anna']
const startMs = 1_000_000

/** An inbox, and one who reads it on and on, each time from what was written of the place. Who is cut off after `taken`
 *  messages goes on from there. */
function reader(limit: number, taken = limit) {
  const messages: Arrived[] = []
  let text = writePlace(inbox, beforeAll)
  return {
    put: (id: string, arrivedAtMs: number) => {
      messages.push({ id, arrivedAtMs })
    },
    remove: (id: string) => {
      messages.splice(
        messages.findIndex((message) => message.id === id),
        1,
      )
    },
    /** What is new, in one call. */
    next(nowMs: number): string[] {
      const place = readPlace(inbox, text)
      const after = messages.filter((message) => compare(message, place.floor) > 0).sort(compare)
      const most = limit + place.given.size
      const found = arrivalsIn(after.slice(0, most), place, { limit, complete: after.length < most, nowMs })
      const arrivals = found.slice(0, taken)
      text = writePlace(inbox, arrivals.at(-1)?.place ?? place)
      return arrivals.map(({ message }) => message.id)
    },
    place: (): ArrivalPlace => readPlace(inbox, text),
    text: () => text,
  }
}

function compare(a: Arrived, b: Arrived): number {
  return a.arrivedAtMs - b.arrivedAtMs || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}

describe('who reads on from place to place', () => {
  it('is given what comes late, within the look-back, and nothing twice', () => {
    const { put, next } = reader(9)
    put('b', startMs)
    expect(next(startMs)).toEqual(['b'])
    put('a', startMs - lookBackMs + 1)
    put('c', startMs)
    expect(next(startMs)).toEqual(['a', 'c'])
    put('d', startMs + 3 * lookBackMs)
    expect(next(startMs + 3 * lookBackMs)).toEqual(['d'])
    put('too late', startMs + lookBackMs)
    put('in time', startMs + 2 * lookBackMs + 1)
    expect(next(startMs + 3 * lookBackMs)).toEqual(['too late', 'in time'])
  })

  it('is not kept from the others by a clock that is ahead', () => {
    const { put, next } = reader(9)
    put('ahead', startMs + 100 * lookBackMs)
    expect(next(startMs)).toEqual(['ahead'])
    for (const afterMs of [2000, 1000, 9000, 4000]) {
      put(`m-${afterMs}`, startMs + afterMs)
      expect(next(startMs + 9000)).toEqual([`m-${afterMs}`])
    }
  })

  it('is given all of several that come late, also when cut off in between', () => {
    const { put, next } = reader(9, 1)
    put('ahead', startMs + 100 * lookBackMs)
    put('b', startMs)
    expect([next(startMs), next(startMs)]).toEqual([['b'], ['ahead']])
    put('late', startMs - 2)
    put('later', startMs - 1)
    const nowMs = startMs + 2 * lookBackMs
    expect([next(nowMs), next(nowMs), next(nowMs)]).toEqual([['late'], ['later'], []])
  })

  it('goes on where a message that was given is gone', () => {
    const { put, remove, next } = reader(9)
    for (const id of ['a', 'b']) put(id, startMs)
    expect(next(startMs)).toEqual(['a', 'b'])
    remove('b')
    put('c', startMs)
    expect(next(startMs)).toEqual(['c'])
  })

  it.each([1, 3, 200])('is given everything once, %i at a time, in whatever order it comes to be seen', (limit) => {
    const random = seededRandom(limit)
    const { put, next, place } = reader(limit)
    const [ids, given]: [string[], string[]] = [[], []]
    for (let round = 0; round < 60; round++) {
      const nowMs = startMs + round * 2000
      for (let at = 0; at < 8; at++) {
        const id = `m-${round}-${at}`
        ids.push(id)
        put(id, nowMs - Math.floor(random() * 5000))
      }
      for (let found = next(nowMs); found.length > 0; found = next(nowMs)) given.push(...found)
      expect(place().given.size).toBeLessThanOrEqual(maxGiven)
    }
    expect(given).toHaveLength(ids.length)
    expect([...given].sort()).toEqual([...ids].sort())
  })

  it('forgets the oldest of a flood, not the newest', () => {
    const { put, next, place, text } = reader(3 * maxGiven)
    const ids = Array.from({ length: 2 * maxGiven }, (_, at) => `m-${1000 + at}`)
    for (const id of ids) put(id, startMs)
    expect(next(startMs)).toEqual(ids)
    expect(place()).toMatchObject({ floor: { id: ids[maxGiven - 1], arrivedAtMs: startMs } })
    expect([place().given.size, next(startMs)]).toEqual([maxGiven, []])
    expect(text().length).toBeLessThan(1000)
  })
})

it('a place of another inbox is refused', () => {
  const text = writePlace(inbox, beforeAll)
  for (const [other, place] of [
    [['inbox arrivals', 'default', 'ben'], text],
    [inbox, 'x'],
    [inbox, ''],
  ] as const) {
    expect(() => readPlace(other, place)).toThrow(BadCursor)
  }
})
