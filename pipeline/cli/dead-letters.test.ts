import { describe, expect, test } from 'vitest'
import { scriptedServer } from '../../testing/cli/carillon-under-test.js'

const server = scriptedServer()

describe('carillon dead-letters', () => {
  const letter = {
    ...{ id: 'deliver/deliveries.released.email.low-3-7', at: '2026-01-01T00:00:00Z', stage: 'deliver' },
    ...{ cause: 'poison', detail: 'truncated', status: 'dead', headers: {} },
  }

  test('lists them in columns and says how to go on', async () => {
    server.answers = [{ status: 200, body: { data: [letter], nextCursor: 'abc' } }]
    expect(await server.carillon(['dead-letters', 'list', '--stage', 'deliver', '--limit', '1'])).toEqual({
      code: 0,
      out: [
        'ID                                         AT                    STAGE    STATUS  CAUSE   DETAIL',
        'deliver/deliveries.released.email.low-3-7  2026-01-01T00:00:00Z  deliver  dead    poison  truncated',
        '',
      ].join('\n'),
      err: 'There are more: --cursor abc\n',
    })
    expect(server.asked).toEqual([{ method: 'GET', url: '/v1/dead-letters?stage=deliver&limit=1', headers: {} }])
  })

  test('lists them as JSON', async () => {
    server.answers = [{ status: 200, body: { data: [letter], nextCursor: null } }]
    const { code, out } = await server.carillon(['dead-letters', 'list', '--json'])
    expect({ code, out: JSON.parse(out) }).toEqual({ code: 0, out: { data: [letter], nextCursor: null } })
  })

  test('shows one whole', async () => {
    server.answers = [{ status: 200, body: { ...letter, decoded: { id: 1 } } }]
    const { code, out } = await server.carillon(['dead-letters', 'show', letter.id])
    expect({ code, out: JSON.parse(out) }).toEqual({ code: 0, out: { ...letter, decoded: { id: 1 } } })
    expect(server.asked[0]?.url).toBe('/v1/dead-letters/deliver%2Fdeliveries.released.email.low-3-7')
  })

  test('replays the others when one cannot be', async () => {
    server.answers = [
      { status: 409, body: { title: 'Already replayed', status: 409 } },
      { status: 200, body: { id: 'b', status: 'replayed' } },
    ]
    expect(await server.carillon(['dead-letters', 'replay', 'a', 'b'])).toEqual({
      code: 1,
      out: 'replayed b\n',
      err: 'a: Carillon answered 409: Already replayed\n1 of 2 could not be replayed.\n',
    })
    expect(server.asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'POST /v1/dead-letters/a/replay',
      'POST /v1/dead-letters/b/replay',
    ])
  })

  test('lists by status and time', async () => {
    server.answers = [{ status: 200, body: { data: [], nextCursor: null } }]
    const times = ['--from', '2030-01-31T09:00:00+01:00', '--to', '2030-02-01T00:00:00Z']
    const result = await server.carillon(['dead-letters', 'list', '--status', 'dead', ...times])
    expect(result).toEqual({ code: 0, out: 'There are no dead letters.\n', err: '' })
    const query = 'status=dead&from=2030-01-31T09%3A00%3A00%2B01%3A00&to=2030-02-01T00%3A00%3A00Z&limit=50'
    expect(server.asked[0]?.url).toBe(`/v1/dead-letters?${query}`)
  })

  test('says that a replay is not decided yet', async () => {
    server.answers = [{ status: 202, body: { id: 'a', status: 'requested' } }]
    const result = await server.carillon(['dead-letters', 'replay', 'a'])
    expect(result).toEqual({ code: 0, out: 'asked for a; not decided yet\n', err: '' })
  })

  test('tells in a dry run what would be replayed of those named, and asks for none', async () => {
    server.answers = [
      { status: 200, body: { ...letter, replayable: true } },
      { status: 200, body: { ...letter, replayable: false } },
      { status: 200, body: { ...letter, status: 'parked' } },
    ]
    expect(await server.carillon(['dead-letters', 'replay', 'a', 'b', 'c', '--dry-run', '--rate', '1000'])).toEqual({
      code: 1,
      out: 'would replay a\n',
      err: 'b: its bytes make no notification\nc: it is parked\n2 of 3 could not be replayed.\n',
    })
    expect(server.asked.map(({ method }) => method)).toEqual(['GET', 'GET', 'GET'])
  })

  const groups = [
    { stage: 'deliver', cause: 'poison', count: 4 },
    { stage: 'route', cause: 'poison', count: 1 },
  ]
  const found = { status: 200, body: { matching: 5, complete: true, groups, ids: ['x'] } }
  const pageOf = (requested: number, nextCursor: string | null) => {
    return { status: 202, body: { requested, ids: Array(requested).fill('x'), nextCursor } }
  }

  test('replays what matches page by page, no faster than the rate', async () => {
    server.answers = [found, pageOf(3, 'c1'), pageOf(2, null)]
    const startedMs = performance.now()
    const args = ['--stage', 'deliver', '--cause', 'poison', '--from', '2030-01-01T00:00:00Z', '--rate', '3']
    expect(await server.carillon(['dead-letters', 'replay', ...args])).toEqual({
      code: 0,
      out: 'asked for 5\n',
      err: '',
    })
    // A slow machine cannot break this.
    expect(performance.now() - startedMs).toBeGreaterThan(1000)
    const filter = { stage: 'deliver', cause: 'poison', from: '2030-01-01T00:00:00Z' }
    expect(server.asked.map(({ method, url, body }) => [`${method} ${url}`, body])).toEqual(
      [{ dryRun: true }, { limit: 3 }, { limit: 3, cursor: 'c1' }].map((more) => [
        'POST /v1/dead-letters/replay',
        { ...filter, ...more },
      ]),
    )
  })

  test('replays no more than its limit', async () => {
    server.answers = [found, pageOf(2, 'c1')]
    const result = await server.carillon(['dead-letters', 'replay', '--stage', 'deliver', '--limit', '2'])
    expect(result).toEqual({ code: 0, out: 'asked for 2\n', err: '' })
    expect(server.asked.map(({ body }) => body)).toEqual([
      { stage: 'deliver', dryRun: true },
      { stage: 'deliver', limit: 2 },
    ])
  })

  test('shows in a dry run what matches, by stage and cause', async () => {
    server.answers = [{ ...found, body: { ...found.body, complete: false } }]
    const args = ['dead-letters', 'replay', '--to', '2030-01-01T00:00:00Z', '--dry-run', '--limit', '2']
    expect(await server.carillon(args)).toEqual({
      code: 0,
      out: [
        ...['STAGE    CAUSE   COUNT', 'deliver  poison  4', 'route    poison  1'],
        ...['Would replay 2 of more than 5, beginning with x', ''],
      ].join('\n'),
      err: '',
    })
    expect(server.asked.map(({ body }) => body)).toEqual([{ to: '2030-01-01T00:00:00Z', dryRun: true }])
  })

  test('says so when nothing matches', async () => {
    server.answers = [{ ...found, body: { matching: 0, complete: true, groups: [], ids: [] } }]
    const result = await server.carillon(['dead-letters', 'replay', '--cause', 'none'])
    expect(result).toEqual({ code: 0, out: 'Nothing matches.\n', err: '' })
  })

  test('that break off in between say how far they came', async () => {
    server.answers = [found, pageOf(1, 'c1'), { status: 503, body: { title: 'Not available now', status: 503 } }]
    expect(await server.carillon(['dead-letters', 'replay', '--stage', 'deliver', '--rate', '1000'])).toEqual({
      code: 1,
      out: '',
      err: '1 were asked for before this; run it again for the rest.\nCarillon answered 503: Not available now\n',
    })
  })

  test.each([
    ['nothing to say which', []],
    ['both ids and a filter', ['a', '--stage', 'deliver']],
  ])('refuse %s without asking Carillon', async (_, args) => {
    expect(await server.carillon(['dead-letters', 'replay', ...args])).toEqual({
      code: 2,
      out: '',
      err: 'Say which: either ids, or at least one of --stage, --cause, --from, --to\n',
    })
    expect(server.asked).toEqual([])
  })

  test.each([
    ['--rate', '0', 'It must be 1 to 10000.'],
    ['--limit', 'all', 'It must be 1 to 1000000.'],
  ])('refuse %s %s', async (option, value, message) => {
    const result = await server.carillon(['dead-letters', 'replay', 'a', option, value])
    expect(result).toEqual({ code: 2, out: '', err: expect.stringContaining(message) })
  })
})
