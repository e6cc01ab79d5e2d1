/** Whether credit is worth waiting for. A channel that takes what it is given is soon to take more, and to park what
 *  waits for it would cost more than to wait; one that hangs, or crawls, must not stand before the others of its lane.
 *
 *  It is judged by what was released while its lane waited for it: anew each time that it has waited long enough. */
import type { Channel, Lane } from '../../schemas/streams.js'

export interface Patience {
  /** Somebody of the lane waits for credit on the channel; `queued`: others were parked before. The milliseconds that
   *  it may still wait; null: it has waited long enough. */
  leftMs(lane: Lane, channel: Channel, queued: boolean, nowMs: number): number | null
  released(lane: Lane, channel: Channel): void
}

interface Flow {
  seenMs: number
  waitedMs: number
  released: number
  isSlow: boolean
}

/** Released while the lane waited: with as many, it is quick. At the usual patience of 250 ms that is 512 a second,
 *  less than any stage carries. */
const quickReleases = 128
/** A longer pause between two looks was this process's own, and says nothing of the channel. */
const stepMostMs = 50

/** `patienceMs`: how long a lane waits. */
export function patience(patienceMs: number): Patience {
  const flows = new Map<string, Flow>()

  return {
    leftMs(lane, channel, queued, nowMs) {
      const flow = flowOf(lane, channel, nowMs)
      const sinceMs = nowMs - flow.seenMs
      // Nobody waited meanwhile.
      if (!queued && sinceMs > Math.max(patienceMs, stepMostMs)) begin(flow, false)
      else flow.waitedMs += Math.min(stepMostMs, Math.max(0, sinceMs))
      flow.seenMs = nowMs
      if (flow.waitedMs >= patienceMs) begin(flow, flow.released < quickReleases)
      return flow.isSlow ? null : Math.min(stepMostMs, patienceMs - flow.waitedMs)
    },
    released(lane, channel) {
      const flow = flows.get(`${lane} ${channel}`)
      if (flow) flow.released++
    },
  }

  function flowOf(lane: Lane, channel: Channel, nowMs: number): Flow {
    const key = `${lane} ${channel}`
    const known = flows.get(key)
    if (known) return known
    const first = { seenMs: nowMs, waitedMs: 0, released: 0, isSlow: false }
    flows.set(key, first)
    return first
  }
}

function begin(flow: Flow, isSlow: boolean): void {
  flow.waitedMs = 0
  flow.released = 0
  flow.isSlow = isSlow
}
