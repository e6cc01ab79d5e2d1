/** A load that a test stops and lets go on: it says when it sends what counts, and at the end how late that was. The
 *  subject calls its provider at once, so that nothing is late but by the stop. */

import { monotonicMs } from '../../bench/latency.js'
import { inPhase, latenciesOf, runLoad } from '../../bench/load.js'
import { deliveryKey } from '../../bench/notifications.js'

const ratePerSecond = 100
const calledAtMs = new Map<string, number>()

const load = await runLoad(
  {
    async send(number) {
      calledAtMs.set(deliveryKey(String(number)), monotonicMs())
      return String(number)
    },
    lay: async () => [],
    begin: async () => ({ fromMs: 0, stop: async () => ({ cpuMicros: {}, lines: [] }) }),
    slow: async () => undefined,
    halt: async () => undefined,
    resume: async () => undefined,
    watch: async () => ({ fromMs: 0, stop: async () => ({ cpuMicros: {}, lines: [] }) }),
    ended: async () => monotonicMs(),
    finish: async () => ({ calledAtMs, tally: { lost: 0, duplicates: 0, places: [] }, rssMiB: 0 }),
  },
  {
    phases: [
      { ratePerSecond, seconds: 0.5 },
      { ratePerSecond, seconds: 4 },
    ],
    begins: async (phase) => {
      if (phase === 1) process.send?.('sending')
    },
  },
)
process.send?.(latenciesOf(inPhase(load, 1)))
process.disconnect()
