/** The part of the stores' conformance suite that is about figures by channel. */
import { describe, expect, it } from 'vitest'
import { eachStore, type OpenStore, sampleEnd, sampleRequest } from './store-under-test.js'

export function describeFigures(open: OpenStore): void {
  const store = eachStore(open)

  describe('the figures of a channel', () => {
    const within = (value: number | undefined, of: number) =>
      expect(Math.abs((value ?? 0) - of) / of).toBeLessThan(0.06)

    it('count each delivery once, with latencies from acceptance to the answer', async () => {
      const requests = Array.from({ length: 100 }, (_, at) => sampleRequest(`n-${at}`, 0))
      await store().accept(requests)
      const ends = requests.map((request, at) => sampleEnd(request, 100 + at, at < 20 ? 'failed' : 'sent'))
      await store().merge(ends)
      await store().merge(ends)
      const { email, ...others } = await store().records.stats('default')
      expect(others).toEqual({})
      expect({ ...email, latencyMs: null }).toEqual({
        sent: 80,
        failed: 20,
        simulated: 0,
        successRate: 0.8,
        latencyMs: null,
      })
      expect(email?.latencyMs?.mean).toBe(159.5)
      within(email?.latencyMs?.p50, 159)
      within(email?.latencyMs?.p95, 195)
      within(email?.latencyMs?.p99, 199)
      expect(await store().records.stats('other')).toEqual({})
    })

    it('count a failure that was sent after all as sent, and what was not to be sent not at all', async () => {
      const requests = [sampleRequest('n-1', 0), sampleRequest('n-2', 0)] as const
      await store().accept(requests)
      await store().merge([sampleEnd(requests[0], 50, 'failed'), sampleEnd(requests[1], 50, 'expired')])
      const before = await store().records.stats('default')
      await store().merge([sampleEnd(requests[0], 90)])
      await store().merge([sampleEnd(requests[0], 95, 'delivered')])
      const after = await store().records.stats('default')
      expect(before).toEqual({ email: { sent: 0, failed: 1, simulated: 0, successRate: 0, latencyMs: null } })
      expect(after.email).toMatchObject({ sent: 1, failed: 0, successRate: 1 })
    })
  })

  describe('what no provider carried', () => {
    it('ends as simulated, is found by that, and is counted apart', async () => {
      const requests = [sampleRequest('n-1', 0, { batchId: 'b-1' }), sampleRequest('n-2', 0)] as const
      await store().accept(requests)
      const taken = sampleEnd(requests[0], 50)
      const deliveries = taken.deliveries.map((delivery) => ({ ...delivery, provider: 'outbox' }))
      await store().merge([{ ...taken, deliveries }, sampleEnd(requests[1], 60)])
      const { data } = await store().records.list({ tenant: 'default', statuses: ['simulated'], limit: 10 })
      expect(data.map(({ id, status }) => [id, status])).toEqual([['n-1', 'simulated']])
      expect(data[0]?.deliveries.map(({ status }) => status)).toEqual(['simulated'])
      expect((await store().records.batch('default', 'b-1'))?.counts).toEqual({ simulated: 1 })
      const { email } = await store().records.stats('default')
      expect(email).toMatchObject({ sent: 1, failed: 0, simulated: 1, successRate: 1, latencyMs: { mean: 60 } })
    })
  })
}
