/** What every store of claims must do. Its test calls this within a block that has the store. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Claims, pendingMs, takeOverMs } from '../../pipeline/stores/claims.js'
import { claimWindowMs } from '../../pipeline/stores/retention.js'
import { startMs } from './store-under-test.js'

/** An empty store of claims. */
export interface ClaimsUnderTest {
  /** Opens it once more, as another process would. */
  open(): Claims
  close(): Promise<void>
}

export function claimTests(openStore: () => ClaimsUnderTest): void {
  let store: ClaimsUnderTest
  let claims: Claims
  beforeEach(() => {
    store = openStore()
    claims = store.open()
  })
  afterEach(() => store.close())

  const claim = (name: string, afterMs: number, bodyHash = 'a', windowMs?: number) => {
    const asked = { key: 'k', bodyHash, answer: `answer ${name}`, ...(windowMs !== undefined && { windowMs }) }
    return claims.claim('default', asked, claimed(name), startMs + afterMs)
  }
  const recall = (afterMs: number) => claims.recall('default', 'k', startMs + afterMs)
  const claimed = (name: string) => ({ ids: [`${name}-1`, `${name}-2`], batchId: `batch ${name}` })

  it('is in flight for a while, for its own body', async () => {
    expect(await claim('first', 0)).toEqual({ kind: 'accepted' })
    expect(await claim('second', takeOverMs - 1)).toEqual({ kind: 'in-flight' })
    expect(await claim('second', takeOverMs - 1, 'b')).toEqual({ kind: 'reused' })
  })

  it('is not recalled before its append is durable, nor after its day', async () => {
    await claim('first', 0)
    const pending = await recall(1)
    await claims.complete('default', 'k')
    const done = { bodyHash: 'a', answer: 'answer first' }
    expect([pending, await recall(1), await recall(claimWindowMs)]).toEqual([undefined, done, undefined])
    expect(await claims.recall('other', 'k', startMs)).toBeUndefined()
  })

  it.each([
    ['its own window', 2 * pendingMs, 2 * pendingMs],
    ['a day at most', 2 * claimWindowMs, claimWindowMs],
  ])('holds its key for %s', async (_what, windowMs, heldMs) => {
    await claim('first', 0, 'a', windowMs)
    expect(await claim('second', heldMs - 1)).toMatchObject({ kind: 'again' })
    await claims.complete('default', 'k')
    expect(await claim('third', heldMs - 1)).toEqual({ kind: 'replayed', answer: 'answer first', appended: false })
    expect([await recall(heldMs - 1), await recall(heldMs)]).toEqual([
      { bodyHash: 'a', answer: 'answer first' },
      undefined,
    ])
    expect(await claim('fourth', heldMs, 'b', windowMs)).toEqual({ kind: 'accepted' })
  })

  it('holds its key while its append may be under way, however short its window is', async () => {
    await claim('first', 0, 'a', 1)
    expect(await claim('second', takeOverMs - 1, 'a', 1)).toEqual({ kind: 'in-flight' })
    expect(await claim('second', pendingMs - 1, 'b', 1)).toEqual({ kind: 'reused' })
    expect(await claim('second', pendingMs - 1, 'a', 1)).toMatchObject({ kind: 'again', claimed: claimed('first') })
    expect(await claim('third', 2 * pendingMs - 2, 'b', 1)).toEqual({ kind: 'reused' })
    expect(await claim('third', 2 * pendingMs - 1, 'b', 1)).toEqual({ kind: 'accepted' })
    await claims.abandon('default', 'k', startMs + 2 * pendingMs - 1)
    expect(await claim('fourth', 2 * pendingMs)).toEqual({ kind: 'accepted' })
  })

  it('is replaced by one that names its answer, and by the first of those only', async () => {
    const instead = (name: string, insteadOf: string, afterMs: number) => {
      const asked = { key: 'k', bodyHash: 'a', answer: `answer ${name}`, insteadOf }
      return claims.claim('default', asked, claimed(name), startMs + afterMs)
    }
    await claim('first', 0)
    await claims.complete('default', 'k')
    expect(await instead('second', 'another answer', 1)).toMatchObject({ kind: 'replayed', answer: 'answer first' })
    expect(await instead('second', 'answer first', 2)).toEqual({ kind: 'accepted' })
    expect(await claim('third', 3)).toEqual({ kind: 'in-flight' })
    await claims.complete('default', 'k')
    expect(await instead('third', 'answer first', 4)).toMatchObject({ kind: 'replayed', answer: 'answer second' })
    expect(await recall(claimWindowMs + 1)).toMatchObject({ answer: 'answer second' })
  })

  it('gives the answer of the retry that took it over, when that is done', async () => {
    await claim('first', 0)
    expect(await claim('second', takeOverMs)).toEqual({
      kind: 'again',
      answer: 'answer first',
      claimed: claimed('first'),
    })
    expect([await claims.complete('default', 'k'), await claims.complete('default', 'k')]).toEqual([true, false])
    expect(await claim('third', takeOverMs + 1)).toEqual({ kind: 'replayed', answer: 'answer first', appended: false })
    await claims.abandon('default', 'k', startMs)
    expect(await claim('third', takeOverMs + 1)).toEqual({ kind: 'replayed', answer: 'answer first', appended: false })
  })

  it('is won by one of many at once: fresh, when it is taken over, and after its day', async () => {
    const others = Array.from({ length: 8 }, () => store.open())
    const kindsAt = async (afterMs: number) => {
      const again = { key: 'k', bodyHash: 'a', answer: 'answer' }
      const answers = others.map((other) => other.claim('default', again, claimed('any'), startMs + afterMs))
      return (await Promise.all(answers)).map(({ kind }) => kind).sort()
    }
    const inFlight = Array(7).fill('in-flight')
    expect(await kindsAt(0)).toEqual(['accepted', ...inFlight])
    expect(await kindsAt(takeOverMs)).toEqual(['again', ...inFlight])
    expect(await kindsAt(claimWindowMs)).toEqual(['accepted', ...inFlight])
  })

  it('can be taken over at once where its append failed, unless a retry has taken it over', async () => {
    await claim('first', 0)
    await claims.abandon('default', 'k', startMs)
    const again = { kind: 'again', answer: 'answer first', claimed: claimed('first') }
    expect(await claim('second', 1, 'b')).toEqual({ kind: 'reused' })
    expect(await claim('second', 1)).toEqual(again)
    await claims.abandon('default', 'k', startMs)
    expect(await claim('third', 2)).toEqual({ kind: 'in-flight' })
    await claims.abandon('default', 'k', startMs + 1)
    expect(await claim('third', 3)).toEqual(again)
  })
}
