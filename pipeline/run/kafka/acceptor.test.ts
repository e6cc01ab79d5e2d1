import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Acceptor } from '../../../ingress/ports.js'
import { Unavailable } from '../../../schemas/errors.js'
import { sampleRequest, startMs } from '../../../testing/stores/store-under-test.js'
import { createCodec } from '../../engine/codec.js'
import type { NewRecord } from '../../engine/log.js'
import { Database } from '../../logs/sqlite/database.js'
import { createStoreSchema } from '../../logs/sqlite/schema.js'
import { takeOverMs } from '../../stores/claims.js'
import { pendingClaims } from '../../stores/sqlite/pending-claims.js'
import { logAcceptor } from './acceptor.js'

describe('a request with a key', () => {
  const codec = createCodec()
  let folder = ''
  let database: Database
  let appended: string[][]
  let away: boolean
  let nowMs: number
  let during: () => Promise<unknown>
  let acceptor: Acceptor
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'carillon-acceptor-'))
    database = new Database(join(folder, 'carillon.db'))
    createStoreSchema(database)
    appended = []
    away = false
    nowMs = startMs
    during = async () => undefined
    const append = async (records: readonly NewRecord[]) => {
      await during()
      if (away) throw new Unavailable('The log is away.')
      appended.push(records.map(idIn))
    }
    acceptor = logAcceptor({ log: { append }, codec, claims: pendingClaims(database), nowMs: () => nowMs })
  })
  afterEach(() => {
    database.close()
    rmSync(folder, { recursive: true })
  })

  const idIn = (record: NewRecord) =>
    codec.decode({ ...record, partition: 0, offset: 0 }, ['notification-requested']).value.id
  const ask = (name: string, windowMs?: number) => {
    const claim = { key: 'k', bodyHash: 'a', answer: `answer ${name}`, ...(windowMs !== undefined && { windowMs }) }
    return acceptor.accept([sampleRequest(`${name}-1`, 0), sampleRequest(`${name}-2`, 0)], claim)
  }

  const windowMs = 3 * 3_600_000
  it('is appended once, and its answer given to each repeat within its window', async () => {
    const answers = [await ask('first', windowMs), await ask('second')]
    nowMs += windowMs
    answers.push(await ask('third'))
    const [accepted, replayed] = [{ kind: 'accepted' }, { kind: 'replayed', answer: 'answer first', appended: false }]
    expect(answers).toEqual([accepted, replayed, accepted])
    expect(appended).toEqual([
      ['first-1', 'first-2'],
      ['third-1', 'third-2'],
    ])
  })

  it('that found the log away is appended by its repeat, under its ids, which is told so', async () => {
    away = true
    await expect(ask('first')).rejects.toThrow(Unavailable)
    away = false
    const answers = [await ask('second'), await ask('third')]
    expect(answers).toEqual([
      { kind: 'replayed', answer: 'answer first', appended: true },
      { kind: 'replayed', answer: 'answer first', appended: false },
    ])
    expect(appended).toEqual([['first-1', 'first-2']])
  })

  it('that is taken over from a process that is only slow is told once that it is the first', async () => {
    let second: unknown
    during = async () => {
      during = async () => undefined
      nowMs += takeOverMs
      second = await ask('second')
    }
    const first = await ask('first')
    expect([first, second]).toEqual([
      { kind: 'replayed', answer: 'answer first', appended: false },
      { kind: 'replayed', answer: 'answer first', appended: true },
    ])
    expect(appended).toEqual([
      ['first-1', 'first-2'],
      ['first-1', 'first-2'],
    ])
  })
})
