import { expect, it } from 'vitest'
import { channelStats } from './channel-figures.js'

const latencies = [
  { bucket: 27, count: 1 },
  { bucket: 54, count: 3 },
]

it('the mean latency is exact', () => {
  const { latencyMs } = channelStats({ sent: 4, failed: 1, simulated: 0, latencies, latencySum: 330, latencySummed: 4 })
  expect(latencyMs).toEqual({ mean: 82.5, p50: 102, p95: 102, p99: 102 })
})

it.each([
  ['none was', 0, 0],
  ['only some were', 101, 1],
])('the mean latency comes from the buckets where %s summed', (_what, latencySum, latencySummed) => {
  const { latencyMs } = channelStats({ sent: 4, failed: 1, simulated: 0, latencies, latencySum, latencySummed })
  expect(latencyMs).toEqual({ mean: (9 + 3 * 102) / 4, p50: 102, p95: 102, p99: 102 })
})

it('without a latency there is no mean', () => {
  expect(
    channelStats({ sent: 0, failed: 1, simulated: 0, latencies: [], latencySum: 0, latencySummed: 0 }).latencyMs,
  ).toBeNull()
})
