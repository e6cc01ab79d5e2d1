import { describe, expect, it } from 'vitest'
import { Unavailable } from '../../schemas/errors.js'
import { fakeNowMs } from '../../testing/ingress/ports-fake.js'
import { errorsOf, refusal, testClient } from '../../testing/ingress/test-client.js'
import type { DeadLetterRecord } from '../ports.js'

const letter: DeadLetterRecord = {
  id: 'notifications.requested.high-0-1-dedupe',
  at: '2030-01-01T00:00:00.000Z',
  stage: 'dedupe',
  topic: 'notifications.requested.high',
  partition: 0,
  offset: 1,
  cause: 'unreadable',
  detail: 'Cut off.',
  notificationId: 'n-1',
  replays: 0,
  status: 'dead',
  headers: {},
  valueBase64: 'AA==',
  decoded: { id: 'x' },
  replayable: true,
}

/** A client with these letters. */
function clientWith(letters: Readonly<Record<string, Partial<DeadLetterRecord>>>, settleWaitMs = 0) {
  const client = testClient({ settleWaitMs })
  for (const [id, changes] of Object.entries(letters)) client.fake.letters.set(id, { ...letter, ...changes, id })
  return client
}

describe('dead letters', () => {
  it('are listed by stage, cause, status and time, and shown', async () => {
    const { get, fake } = clientWith({
      a: {},
      b: { stage: 'route', at: '2030-01-02T00:00:00.000Z' },
      c: { cause: 'crash', status: 'replayed', at: '2030-01-03T00:00:00.000Z' },
    })
    const listed = async (query: string) => {
      const { body } = await get(`/v1/dead-letters?${query}`)
      return (body as { data: DeadLetterRecord[] }).data.map(({ id }) => id)
    }
    expect(await listed('')).toEqual(['a', 'b', 'c'])
    expect(await listed('stage=dedupe&cause=unreadable')).toEqual(['a'])
    expect(await listed('status=replayed')).toEqual(['c'])
    expect(await listed('from=2030-01-02T00:00:00Z&to=2030-01-03T01:00:00+01:00')).toEqual(['b'])
    expect((await get('/v1/dead-letters?limit=1')).body).toEqual({ data: [fake.letters.get('a')], nextCursor: '1' })
    expect((await get('/v1/dead-letters/a')).body).toEqual(fake.letters.get('a'))
    expect((await get('/v1/dead-letters/none')).status).toBe(404)
    expect(refusal(await get('/v1/dead-letters?status=gone'))).toEqual([
      400,
      'status: Must be one of dead, replayed, parked.',
    ])
  })
})

describe('a replay', () => {
  it('is asked for in the letter’s own partition, and answered with the verdict', async () => {
    const { post, fake } = clientWith({ a: {}, b: {} })
    fake.letters.delete('b')
    const { notificationId: _, ...nameless } = { ...letter, id: 'b' }
    fake.letters.set('b', nameless)
    const headers = { 'x-correlation-id': 'c-1' }
    const replayed = await post('/v1/dead-letters/a/replay', undefined, headers)
    expect([replayed.status, replayed.body]).toEqual([200, { id: 'a', status: 'replayed' }])
    await post('/v1/dead-letters/b/replay', undefined, headers)
    const command = { tenant: 'default', correlationId: 'c-1', requestedAtMs: fakeNowMs }
    expect(fake.replays).toEqual([
      { ...command, letterId: 'a', notificationId: 'n-1' },
      { ...command, letterId: 'b', notificationId: null },
    ])
  })

  it('is refused for what was replayed, parked or cannot be read, and asks nobody', async () => {
    const { post, fake } = clientWith({
      replayed: { status: 'replayed' },
      parked: { status: 'parked' },
      unreadable: { decoded: null, replayable: false },
    })
    const refused = async (id: string) => {
      const { status, body } = await post(`/v1/dead-letters/${id}/replay`)
      return [status, (body as { detail: string }).detail]
    }
    expect(await refused('replayed')).toEqual([409, 'It was replayed already.'])
    expect(await refused('parked')).toEqual([409, expect.stringContaining('too often')])
    expect(await refused('unreadable')).toEqual([409, expect.stringContaining('cannot be replayed')])
    expect(await refused('none')).toEqual([404, expect.anything()])
    expect(fake.replays).toEqual([])
  })

  it('waits for a verdict that comes late, and tells when it was to park', async () => {
    const { post, fake } = clientWith({ a: {}, b: {} }, 10_000)
    fake.onReplay = ({ letterId }) => {
      const status = letterId === 'a' ? 'replayed' : 'parked'
      setTimeout(() => fake.letters.set(letterId, { ...letter, id: letterId, status }), 30)
    }
    const answers = await Promise.all(['a', 'b'].map((id) => post(`/v1/dead-letters/${id}/replay`)))
    expect(answers.map(({ status }) => status)).toEqual([200, 409])
  })

  it('is answered with 202 when nothing is decided in time', async () => {
    const { post, fake } = clientWith({ a: {} }, 20)
    fake.onReplay = () => {}
    const { status, body } = await post('/v1/dead-letters/a/replay')
    expect([status, body, fake.replays.length]).toEqual([202, { id: 'a', status: 'requested' }, 1])
  })

  it('is answered with 503 while the log or the store is away', async () => {
    const { post, fake } = clientWith({ a: {} })
    fake.failure = new Unavailable('away')
    expect((await post('/v1/dead-letters/a/replay')).status).toBe(503)
    expect((await post('/v1/dead-letters/replay', { stage: 'dedupe' })).status).toBe(503)
  })
})

describe('a replay of many', () => {
  const many = {
    a: {},
    b: { stage: 'route' },
    c: { status: 'replayed' as const },
    d: {},
    e: { at: '2030-01-05T00:00:00.000Z' },
  }

  it('asks for a page of what matches and is dead, and the next page goes on', async () => {
    const { post, fake } = clientWith(many)
    fake.onReplay = () => {}
    const ask = { stage: 'dedupe', limit: 2 }
    const first = await post('/v1/dead-letters/replay', ask)
    expect([first.status, first.body]).toEqual([202, { requested: 2, ids: ['a', 'd'], nextCursor: '2' }])
    const second = await post('/v1/dead-letters/replay', { ...ask, cursor: '2' })
    expect(second.body).toEqual({ requested: 1, ids: ['e'], nextCursor: null })
    expect(fake.replays.map(({ letterId }) => letterId)).toEqual(['a', 'd', 'e'])
  })

  it('goes by time and cause, and is nothing where nothing matches', async () => {
    const { post, fake } = clientWith(many)
    const from = '2030-01-05T00:00:00+00:00'
    expect((await post('/v1/dead-letters/replay', { from, to: '2031-01-01T00:00:00Z' })).body).toMatchObject({
      ids: ['e'],
    })
    expect((await post('/v1/dead-letters/replay', { cause: 'none' })).body).toEqual({
      ...{ requested: 0, ids: [], nextCursor: null },
    })
    expect(fake.replays.length).toBe(1)
  })

  it('tells in a dry run what it would ask for, and asks nothing', async () => {
    const { post, fake } = clientWith(many)
    const { status, body } = await post('/v1/dead-letters/replay', { cause: 'unreadable', dryRun: true })
    const group = (stage: string) => ({ stage, cause: 'unreadable', count: 1 })
    expect([status, body]).toEqual([
      200,
      {
        ...{ matching: 4, complete: true, ids: ['a', 'b', 'd', 'e'] },
        groups: [group('dedupe'), group('route'), group('dedupe'), group('dedupe')],
      },
    ])
    expect(fake.replays).toEqual([])
  })

  it('needs a filter, and takes only what it knows', async () => {
    const { post } = clientWith(many)
    expect(errorsOf(await post('/v1/dead-letters/replay', {}))).toEqual([': Needs one of stage, cause, from, to.'])
    expect(errorsOf(await post('/v1/dead-letters/replay', { stage: 'x', limit: 1001, status: 'parked' }))).toEqual([
      'limit: Must be at most 1000.',
      expect.stringMatching(/^status: /),
    ])
    expect(errorsOf(await post('/v1/dead-letters/replay', { from: 'yesterday' }))).toEqual([
      'from: Must be a time with an offset, such as 2030-01-31T09:00:00Z.',
    ])
  })
})
