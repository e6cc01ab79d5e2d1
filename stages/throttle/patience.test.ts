import { expect, test } from 'vitest'
import { patience } from './patience.js'

/** Asks every 10 ms for so long, while so many are released before each; when patience was lost, and for how long. */
function asked(untilMs: number, releases: (atMs: number) => number, queued = false): readonly number[] {
  const patient = patience(250)
  const lostAt: number[] = []
  for (let atMs = 0; atMs <= untilMs; atMs += 10) {
    for (let count = 0; count < releases(atMs); count++) patient.released('normal', 'sms')
    if (patient.leftMs('normal', 'sms', queued, atMs) === null) lostAt.push(atMs)
  }
  return lostAt
}

test('a channel that hangs or crawls is waited for once', () => {
  expect([asked(1000, () => 0)[0], asked(1000, () => 0).length]).toEqual([250, 76])
  expect([asked(1000, () => 5)[0], asked(1000, () => 5).length]).toEqual([250, 76])
})

test('a quick channel is always waited for, and one that becomes quick is so again', () => {
  expect(asked(2000, () => 6)).toEqual([])
  const lost = asked(2000, (atMs) => (atMs < 500 ? 0 : 6))
  expect([lost[0], lost.at(-1)]).toEqual([250, 740])
})

test('a process that stood still for a while loses no patience for it', () => {
  const patient = patience(250)
  const left = [0, 400, 800, 1200].map((atMs) => patient.leftMs('normal', 'sms', true, atMs))
  expect(left).toEqual([50, 50, 50, 50])
})

test('it begins anew where nobody waited for long, unless some are parked', () => {
  const after = (queued: boolean) => {
    const patient = patience(100)
    for (let atMs = 0; atMs <= 200; atMs += 10) patient.leftMs('normal', 'sms', queued, atMs)
    return patient.leftMs('normal', 'sms', queued, 10_000)
  }
  expect([after(false), after(true)]).toEqual([50, null])
})

test('each lane and channel is judged by what it does itself', () => {
  const patient = patience(100)
  const lost = new Set<string>()
  for (let atMs = 0; atMs <= 500; atMs += 10) {
    for (let count = 0; count < 50; count++) patient.released('normal', 'email')
    for (const [lane, channel] of [
      ['normal', 'sms'],
      ['normal', 'email'],
      ['low', 'email'],
    ] as const) {
      if (patient.leftMs(lane, channel, false, atMs) === null) lost.add(`${lane} ${channel}`)
    }
  }
  expect([...lost]).toEqual(['normal sms', 'low email'])
})
